package guest

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	ghrunners "hostler/providers/testbed/internal/github/runners"
	"hostler/providers/testbed/internal/github/world"
	"hostler/providers/testbed/internal/mac"
)

// A guest that pretends has a stand-in for the program of GitHub's runner. It
// is started and watched by hostler's scripts, lives in the guest's tart run,
// and talks to the Mac's GitHub.

// runnerVersion is that of the stand-in.
const runnerVersion = "2.336.0"

// runnerState is the program, as it is kept with the guest. Of its
// configuration, which is a secret, only the number is.
type runnerState struct {
	ID   int64     `json:"id"`
	Log  string    `json:"log"`
	Code *int      `json:"code,omitempty"` // it has ended
	Job  string    `json:"job,omitempty"`
	Ends time.Time `json:"ends,omitzero"` // when the job does
}

func (g Guest) runnerFile() string { return filepath.Join(g.VM.Dir.Guest(), "runner.json") }

func (g Guest) runner() (*runnerState, error) {
	data, err := os.ReadFile(g.runnerFile())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	s := &runnerState{}
	return s, json.Unmarshal(data, s)
}

func (g Guest) keepRunner(s *runnerState) error {
	data, err := json.Marshal(s)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(g.VM.Dir.Guest(), 0o755); err != nil {
		return err
	}
	next := g.runnerFile() + ".next"
	if err := os.WriteFile(next, data, 0o644); err != nil {
		return err
	}
	return os.Rename(next, g.runnerFile())
}

// gitHub changes the GitHub that this Mac sees.
func (g Guest) gitHub(do func(*world.World) error) error {
	return world.Change(filepath.Join(g.Mac.Dir(), "github"), do)
}

// startRunner is ./run.sh with a JIT configuration in its environment.
func (g Guest) startRunner(settings mac.Settings, c command, s *script) (code int, err error) {
	system := "macOS"
	if r, err := g.VM.Dir.Runs(); err == nil && r.OS != "darwin" {
		system = "Linux"
	}
	state := &runnerState{Log: "\n√ Connected to GitHub\n\n"}
	end := func(code int, text string) { state.Code, state.Log = &code, state.Log+text }
	switch settings.Trouble.Runner {
	case mac.RunnerDeprecated:
		end(7, "An error occurred: Runner version v"+runnerVersion+" is deprecated and cannot receive messages.\n")
	case mac.RunnerConflict:
		end(0, "A session for this runner already exists.\n")
	case mac.RunnerCrash:
		end(1, "Unhandled exception.\n")
	default:
		err := g.gitHub(func(w *world.World) error {
			r, err := ghrunners.Connect(w, strings.TrimSpace(s.variables()["ACTIONS_RUNNER_INPUT_JITCONFIG"]), system, runnerVersion)
			if err == nil {
				state.ID = r.ID
			}
			return err
		})
		switch {
		case err != nil:
			end(0, "Http response code: NotFound from 'POST …/session'\n"+err.Error()+"\n")
		case settings.Trouble.Runner != mac.RunnerSilent:
			state.Log += "Current runner version: '" + runnerVersion + "'\n" + stamp() + "Listening for Jobs\n"
		}
	}
	if err := g.keepRunner(state); err != nil {
		return 1, err
	}
	return s.answer(c, "", "", 0), nil
}

func stamp() string { return time.Now().UTC().Format("2006-01-02 15:04:05Z: ") }

// watchRunner is what the script prints that watches the program: whether it
// runs, and what it printed from an offset on. It waits for news.
func (g Guest) watchRunner(c command, s *script) (code int, err error) {
	vars := s.variables()
	offset, _ := strconv.Atoi(vars["HOSTLER_OFFSET"])
	seconds, _ := strconv.Atoi(vars["HOSTLER_WAIT"])
	until := time.Now().Add(time.Duration(seconds) * time.Second)
	s.pid = 2 + rand.IntN(1<<30) // of a shell of its own
	s.begin(c)
	for {
		state, err := g.runner()
		switch {
		case err != nil:
			return 1, err
		case state == nil:
			return s.answer(c, "none\n", "", 0), nil
		case state.Code != nil:
			return s.answer(c, fmt.Sprintf("exit %d\n%s", *state.Code, state.Log[min(offset, len(state.Log)):]), "", 0), nil
		case len(state.Log) > offset || !time.Now().Before(until):
			return s.answer(c, "runs\n"+state.Log[min(offset, len(state.Log)):], "", 0), nil
		}
		if g.over() {
			return 1, errLost
		}
		if _, err := os.Stat(g.killed(strconv.Itoa(s.pid))); err == nil {
			return 255, nil
		}
		time.Sleep(poll)
	}
}

// workRunner lets the program do what it would have done by now.
func (g Guest) workRunner() error {
	state, err := g.runner()
	if err != nil || state == nil || state.Code != nil || state.ID == 0 {
		return err
	}
	settings, err := g.Mac.Settings()
	if err != nil || settings.Trouble.Runner == mac.RunnerSilent {
		return err
	}
	now := time.Now()
	switch {
	case state.Job == "":
		err = g.gitHub(func(w *world.World) error {
			if j := ghrunners.Take(w, now.UTC(), state.ID); j != nil {
				state.Job, state.Ends = j.Name, now.Add(settings.Timing.Job)
				state.Log += stamp() + "Running job: " + j.Name + "\n"
			}
			return nil
		})
		if err != nil || state.Job == "" {
			return err
		}
	case now.Before(state.Ends):
		return nil
	default:
		if err := g.gitHub(func(w *world.World) error { ghrunners.Complete(w, now.UTC(), state.ID, "success"); return nil }); err != nil {
			return err
		}
		code := 0
		state.Log += stamp() + "Job " + state.Job + " completed with result: Succeeded\n√ Removed .credentials\n√ Removed .runner\n"
		state.Code = &code
	}
	return g.keepRunner(state)
}

// loseRunner takes the program offline, with its guest.
func (g Guest) loseRunner() error {
	state, err := g.runner()
	if err != nil || state == nil || state.Code != nil || state.ID == 0 {
		return err
	}
	return g.gitHub(func(w *world.World) error { ghrunners.Disconnect(w, time.Now().UTC(), state.ID); return nil })
}
