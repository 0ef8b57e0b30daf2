package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"hostler/providers/runtime/report"
	"hostler/providers/testbed"
)

// reportFiles lend VMs of which one fits at a time; the hook is a script.
const reportFiles = `
github { owner = "acme" }
host "mini" {
  reserve { memory = "12GiB" }
  serve {
    metrics = "%s"
    hook    = ["%s", "an argument"]
  }
}
image "base" {
  from   = "ghcr.io/cirruslabs/ubuntu:latest"
  memory = "3GiB"
}
profile "small" {
  image  = image.base
  memory = "3GiB"
  cpus   = 2
  cache  = "none"
}
`

// freePort is an address that nobody listens at.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer l.Close()
	return l.Addr().String()
}

// get is a page of the service.
func get(t *testing.T, url, host string) (int, string) {
	t.Helper()
	req, err := http.NewRequest(http.MethodGet, url, nil)
	must(t, err)
	req.Host = host
	resp, err := http.DefaultClient.Do(req)
	must(t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	must(t, err)
	return resp.StatusCode, string(body)
}

// metrics are the values of a page, by name and labels; a histogram's is how
// often it was told something.
func metrics(t *testing.T, page string) map[string]float64 {
	t.Helper()
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(page))
	if err != nil {
		t.Fatalf("%v\n%s", err, page)
	}
	out := map[string]float64{}
	for name, f := range families {
		for _, m := range f.Metric {
			var labels []string
			for _, l := range m.Label {
				labels = append(labels, l.GetValue())
			}
			value := m.GetGauge().GetValue() + m.GetCounter().GetValue()
			if f.GetType() == dto.MetricType_HISTOGRAM {
				value = float64(m.GetHistogram().GetSampleCount())
			}
			out[strings.TrimPrefix(name, "hostler_")+" "+strings.Join(labels, " ")] = value
		}
	}
	return out
}

// TestReports: what Prometheus and the hook are told of two jobs, one of which
// waits for the other; the hook takes its time, and no job waits for it.
func TestReports(t *testing.T) {
	t.Parallel()
	at := freePort(t)
	told := filepath.Join(t.TempDir(), "told")
	b := newBuilder(t, testbed.Pretend, map[string]string{"main.hcl": fmt.Sprintf(reportFiles, at, "/Users/admin/hook.sh")})
	hook := b.mac.Path("/Users/admin/hook.sh")
	must(t, os.WriteFile(hook, []byte("#!/bin/sh\n[ \"$1\" = 'an argument' ] && cat >>'"+told+"'\n"), 0o755))
	b.env = []string{"GITHUB_TOKEN=" + testbed.GitHubToken}
	gh, err := b.mac.GitHub()
	must(t, err)
	must(t, gh.AddRepository("acme/app", "private", map[string]string{"README.md": "x\n"}))
	b.must("apply", "--auto-approve")
	b.serve()
	b.env = append(b.env, "GITHUB_REPOSITORY=acme/app", "GITHUB_RUN_ID=7", "GITHUB_RUN_ATTEMPT=1", "GITHUB_JOB=boot")
	b.must("run", "--profile", "small")
	waiting := make(chan error)
	go func() {
		_, err := b.run("run", "--profile", "small")
		waiting <- err
	}()
	url := "http://" + at
	look := func(what string, want map[string]float64) {
		t.Helper()
		var have map[string]float64
		for range 200 {
			code, page := get(t, url+"/metrics", "")
			if code != http.StatusOK || strings.Contains(page, testbed.GitHubToken) {
				t.Fatalf("%d\n%s", code, page)
			}
			have = metrics(t, page)
			same := true
			for k, v := range want {
				same = same && have[k] == v
			}
			if same {
				return
			}
			time.Sleep(20 * time.Millisecond)
		}
		t.Fatalf("%s: %v, want %v", what, have, want)
	}
	look("one is lent, one waits", map[string]float64{
		"up ": 1, "memory_bytes total": 4 << 30, "memory_bytes used": 3 << 30, "leases waiting small": 1, "queue_length small": 1,
		"queue_wait_seconds small": 1, "phase_seconds cloning": 1, "draining ": 0, "quarantined_vms ": 0,
	})
	if code, page := get(t, url, ""); code != http.StatusOK || !strings.Contains(page, "host.mini: the service runs") {
		t.Errorf("%d\n%s", code, page)
	}
	if code, page := get(t, url+"/metrics", "evil.example.com"); code != http.StatusForbidden {
		t.Errorf("under another name: %d\n%s", code, page)
	}
	for _, r := range []int{1, 2} {
		if r == 2 {
			must(t, <-waiting)
		}
		runners, err := gh.Runners()
		must(t, err)
		_, err = gh.QueueJob("acme/app", "work", []string{"self-hosted", runners[0].Labels[len(runners[0].Labels)-1].Name})
		must(t, err)
	}
	b.await("nothing is lent", func(n int) bool { return n == 0 })
	look("both are over", map[string]float64{"leases_ended_total ok small": 2, "phase_seconds working": 2, "queue_wait_seconds small": 2, "queue_oldest_seconds ": 0})
	if n := metrics(t, second(get(t, url+"/metrics", "")))["github_requests_left "]; n <= 0 || n > 5000 {
		t.Errorf("GitHub allows %v more requests", n)
	}

	look("the hook was called", map[string]float64{"hook_total ok": 6})
	data, err := os.ReadFile(told)
	must(t, err)
	count := map[string]int{}
	for line := range strings.Lines(string(data)) {
		var e report.Event
		must(t, json.Unmarshal([]byte(line), &e))
		count[e.Event]++
		if e.Host != "mini" || e.Profile != "small" || e.Repository != "acme/app" || e.RunID != 7 || e.Ticket == "" || e.At.IsZero() {
			t.Errorf("%+v", e)
		}
		if e.Event == "finished" && (e.Class != "ok" || e.Result != "Succeeded" || e.Lasted <= 0 || e.Lease == "") {
			t.Errorf("%+v", e)
		}
	}
	if count["queued"] != 2 || count["started"] != 2 || count["finished"] != 2 || strings.Contains(string(data), testbed.GitHubToken) {
		t.Errorf("%s", data)
	}

	// A hook that hangs is nobody's business but its own.
	must(t, os.WriteFile(hook, []byte("#!/bin/sh\nexec sleep 25\n"), 0o755))
	must(t, b.mac.SetTrouble(testbed.Trouble{Runner: testbed.RunnerCrash}))
	if out, err := b.run("run", "--profile", "small"); err == nil || !strings.Contains(out, "did not come up") {
		t.Errorf("%v\n%s", err, out)
	}
	look("a job that failed", map[string]float64{"leases_ended_total boot failed small": 1, "hook_total ok": 6})
}

func second(_ int, page string) string { return page }
