package launchd

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"hostler/providers/testbed/internal/mac"
)

// Boot is what a restart of the Mac does to launchd: nothing stays loaded, then
// the plists of the system and, if somebody is logged in, of the user are.
func Boot(m *mac.Mac) error {
	s, err := m.Settings()
	if err != nil {
		return err
	}
	err = mac.Update(m, launchdFile, func(t *tables) error { *t = tables{}; return nil })
	if err != nil {
		return err
	}
	p := &mac.Process{Mac: m, Settings: s, Name: "launchd", UID: 0, Stdout: io.Discard, Stderr: io.Discard}
	if err := loadAll(domain{p, "system"}, "/Library/LaunchDaemons"); err != nil {
		return err
	}
	if !s.Login {
		return nil
	}
	return Login(m)
}

// Login is what the login of the user does: it loads the agents.
func Login(m *mac.Mac) error {
	s, err := m.Settings()
	if err != nil {
		return err
	}
	p := &mac.Process{Mac: m, Settings: s, Name: "launchd", UID: s.UID, Stdout: io.Discard, Stderr: io.Discard}
	gui := domain{p, fmt.Sprintf("gui/%d", s.UID)}
	for _, dir := range []string{"/Library/LaunchAgents", s.Home() + "/Library/LaunchAgents"} {
		if err := loadAll(gui, dir); err != nil {
			return err
		}
	}
	return nil
}

// Logout is what the end of the login session does: its domain goes.
func Logout(m *mac.Mac) error {
	s, err := m.Settings()
	if err != nil {
		return err
	}
	return mac.Update(m, launchdFile, func(t *tables) error {
		delete(t.Domains, fmt.Sprintf("gui/%d", s.UID))
		return nil
	})
}

// loadAll loads the plists of a folder of the Mac. One that launchd refuses is
// passed over, and so is a link, which only loads by hand.
func loadAll(d domain, dir string) error {
	entries, err := os.ReadDir(d.Mac.Path(dir))
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.Type().IsRegular() && strings.HasSuffix(e.Name(), ".plist") {
			if _, refused := d.bootstrap(filepath.Join(dir, e.Name())).(errno); refused {
				continue
			}
		}
	}
	return nil
}

// Folders are the working folders of the jobs that run.
func Folders(m *mac.Mac) ([]string, error) {
	t, err := mac.Load[tables](m, launchdFile)
	if err != nil {
		return nil, err
	}
	var all []string
	for domain := range t.Domains {
		for _, s := range t.services(domain, m.Now()) {
			if s.State == "running" && s.Job.Directory != "" {
				all = append(all, s.Job.Directory)
			}
		}
	}
	return all, nil
}
