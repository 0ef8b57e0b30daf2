package guest

import (
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"hostler/providers/testbed/internal/mac"
)

// pretend answers a command without executing anything. What hostler asks for
// itself has a first line that says what it is; the guest answers as it would.
// Any other command gets the answer that the settings have for it, or none, and
// succeeds.
func (g Guest) pretend(settings mac.Settings, c command, s *script) (code int, err error) {
	if s == nil {
		return s.answer(c, settings.Answers[strings.Join(c.words, " ")], "", 0), nil
	}
	first, _, _ := strings.Cut(s.text, "\n")
	switch first {
	case "# hostler: upload":
		if err := g.upload(s); err != nil {
			return s.answer(c, "", err.Error()+"\n", 1), nil
		}
		return s.answer(c, "", "", 0), nil
	case "# hostler: runner version":
		return s.answer(c, runnerVersion+"\n", "", 0), nil
	case "# hostler: runner":
		return g.startRunner(settings, c, s)
	case "# hostler: watch":
		return g.watchRunner(c, s)
	case "# hostler: kill":
		if err := os.WriteFile(g.killed(s.variables()["HOSTLER_PID"]), nil, 0o644); err != nil {
			return 1, err
		}
	case "# hostler: disk":
		if settings.Trouble.Unmounted && s.variables()["HOSTLER_SHARES"] != "" {
			return s.answer(c, "", "the shared folders are not mounted\n", 1), nil
		}
	case "# hostler: clock":
		return s.answer(c, fmt.Sprintln(time.Now().Add(settings.Trouble.Clock).Unix()), "", 0), nil
	}
	return s.answer(c, settings.Answers[strings.TrimSpace(s.text)], "", 0), nil
}

// upload keeps a file that hostler brings into a guest that pretends, and holds
// it against its checksum as a real guest would.
func (g Guest) upload(s *script) error {
	vars := s.variables()
	data, err := io.ReadAll(s.input)
	if err != nil {
		return err
	}
	if sum := fmt.Sprintf("%x", sha256.Sum256(data)); sum != vars["HOSTLER_SUM"] {
		return fmt.Errorf("%d bytes arrived with the checksum %s", len(data), sum)
	}
	name := vars["HOSTLER_PATH"]
	if !filepath.IsAbs(name) {
		name = filepath.Join("/Users", user, name)
	}
	name = filepath.Join(g.VM.Dir.Guest(), name)
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	return os.WriteFile(name, data, 0o644)
}

// killed is a file that says that a shell of a guest that pretends was killed.
func (g Guest) killed(pid string) string {
	return filepath.Join(g.VM.Dir.Guest(), "killed-"+filepath.Base(pid))
}
