// Package runner starts GitHub's runner in a guest, follows it, and says how it
// ended. The program runs on its own there, so that it outlives our connection
// and the service; what it prints, and how it ended, are files of the guest.
package runner

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"hostler/providers/internal/guest"
	"hostler/providers/runtime/ledger"
	"hostler/providers/secret"
)

// The scripts by which it is started and followed.
const (
	startScript = `# hostler: runner
set -e
mkdir -p ~/.hostler
cd ~/actions-runner
rm -f ~/.hostler/runner.exit
export ACTIONS_RUNNER_RETURN_VERSION_DEPRECATED_EXIT_CODE=1 RUNNER_MANUALLY_TRAP_SIG=1
nohup /bin/sh -c './run.sh; echo $? >~/.hostler/runner.exit.new; mv ~/.hostler/runner.exit.new ~/.hostler/runner.exit' \
	>~/.hostler/runner.log 2>&1 </dev/null &
`
	// It waits for news, so that a question is asked a few times a minute.
	watchScript = `# hostler: watch
log=~/.hostler/runner.log
end=~/.hostler/runner.exit
[ -e "$log" ] || { echo none; exit 0; }
n=0
while [ "$n" -lt "$((HOSTLER_WAIT * 5))" ] && [ ! -e "$end" ] && [ "$(($(wc -c <"$log")))" -le "$HOSTLER_OFFSET" ]; do
	sleep 0.2
	n=$((n + 1))
done
if [ -e "$end" ]; then echo "exit $(cat "$end")"; else echo runs; fi
tail -c "+$((HOSTLER_OFFSET + 1))" "$log"
`
)

// News is what the runner has done since it was last looked at.
type News struct {
	None bool // it was never started
	Text string
	Code *int // it has ended
}

// Start starts the runner with a configuration for one job, which goes to
// its environment through the script's input.
func Start(ctx context.Context, g *guest.Guest, config secret.Value) error {
	r, err := g.Run(ctx, guest.Command{Script: startScript, Secrets: map[string]secret.Value{"ACTIONS_RUNNER_INPUT_JITCONFIG": config}})
	if err == nil && r.Code != 0 {
		err = fmt.Errorf("the runner can't be started in the guest: exit status %d: %s", r.Code, strings.TrimSpace(string(r.Stderr)))
	}
	return err
}

// Watch waits some seconds for news.
func Watch(ctx context.Context, g *guest.Guest, offset, seconds int) (News, error) {
	r, err := g.Run(ctx, guest.Command{Script: watchScript, Env: map[string]string{"HOSTLER_OFFSET": strconv.Itoa(offset), "HOSTLER_WAIT": strconv.Itoa(seconds)}})
	if err != nil {
		return News{}, err
	}
	first, text, _ := strings.Cut(string(r.Stdout), "\n")
	switch word, rest, _ := strings.Cut(first, " "); word {
	case "none":
		return News{None: true}, nil
	case "runs":
		return News{Text: text}, nil
	case "exit":
		code, err := strconv.Atoi(rest)
		if err != nil {
			code = -1
		}
		return News{Text: text, Code: &code}, nil
	}
	return News{}, fmt.Errorf("the guest answered %q, which is no news of a runner", first)
}

// What the runner prints at its turns.
const (
	saysListening = "Listening for Jobs"
	saysRunning   = "Running job: "
	saysCompleted = " completed with result: "
	saysConflict  = "A session for this runner already exists"
	saysOld       = "deprecated and cannot receive messages"
)

// Reading is what is known from what the runner printed so far.
type Reading struct {
	Offset    int
	rest      string // the last line, until it is whole
	Listening bool
	Job       string
	result    string // of the job; "" is not over
	conflict  bool
	old       bool
	End       ledger.End // once the program has ended
}

// Read takes in more of what was printed.
func (r *Reading) Read(text string) {
	r.Offset += len(text)
	lines := strings.SplitAfter(r.rest+text, "\n")
	r.rest = lines[len(lines)-1]
	for _, line := range lines[:len(lines)-1] {
		line = strings.TrimSpace(line)
		switch {
		case strings.Contains(line, saysListening):
			r.Listening = true
		case strings.Contains(line, saysRunning):
			_, r.Job, _ = strings.Cut(line, saysRunning)
		case strings.Contains(line, saysCompleted):
			_, r.result, _ = strings.Cut(line, saysCompleted)
		case strings.Contains(line, saysConflict):
			r.conflict = true
		case strings.Contains(line, saysOld):
			r.old = true
		}
	}
}

// Classify says how the runner ended. run.sh answers 0 for nearly everything,
// so what it printed decides.
func (r *Reading) Classify(code int) ledger.End {
	switch {
	case r.result != "":
		return ledger.End{Class: ledger.Succeeded, Result: r.result}
	case code == 7 || r.old:
		return ledger.End{Class: ledger.Deprecated, Reason: "GitHub gives this version of the runner no jobs any more; raise RUNNER_VERSION in the golden image and apply"}
	case r.conflict:
		return ledger.End{Class: ledger.Conflict, Reason: "another process is registered as the same runner"}
	case r.Job != "":
		return ledger.End{Class: ledger.Broken, Reason: fmt.Sprintf("the runner ended with status %d in the middle of the job %s", code, r.Job)}
	case r.Listening:
		return ledger.End{Class: ledger.Broken, Reason: fmt.Sprintf("the runner ended with status %d before it had a job", code)}
	}
	return ledger.End{Class: ledger.BootFailed, Reason: fmt.Sprintf("the runner ended with status %d before it listened for jobs: %s", code, tail(r.rest))}
}

// tail is the end of a text, as much as a reason should repeat.
func tail(text string) string {
	text = strings.TrimSpace(text)
	return text[max(0, len(text)-300):]
}

// diagScript prints the ends of the runner's own logs.
const diagScript = `# hostler: diag
cd ~/actions-runner/_diag 2>/dev/null || exit 0
for f in *.log; do
	[ -f "$f" ] || continue
	echo "==> $f"
	tail -c 1000000 "$f"
done
`

// Diagnostics are the runner's own logs.
func Diagnostics(ctx context.Context, g *guest.Guest) ([]byte, error) {
	r, err := g.Run(ctx, guest.Command{Script: diagScript})
	return r.Stdout, err
}
