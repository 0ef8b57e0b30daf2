package doctor

import "context"

// check is one fact that is looked at.
type check struct {
	name string
	why  string // it matters
	look func(*patient, context.Context) finding
}

// checks is THE list of checks, in the order in which they are made.
func checks() []check {
	return []check{
		{"login-session", "macOS runs VMs only in the session of a user who is logged in at the screen, and the service is a LaunchAgent there", (*patient).loginSession},
		{"keychain", "since macOS 15 no macOS guest starts while the login keychain is locked or missing", (*patient).keychain},
		{"filevault", "with FileVault on, a Mac that restarts waits at its screen for a password, and no job runs until somebody is there", (*patient).fileVault},
		{"auto-login", "after a restart nobody is logged in by himself, so there is no session for VMs and the service does not start", (*patient).autoLogin},
		{"sleep", "a Mac that sleeps stops its VMs in the middle of jobs, and GitHub takes its runners for lost", (*patient).sleep},
		{"restart", "after a power cut the Mac stays off until somebody presses its button", (*patient).restartAfterPowerLoss},
		{"updates", "macOS that installs its own updates restarts in the middle of jobs", (*patient).updates},
		{"local-network", "since macOS 15 a program that launchd has started may be kept from VMs on the local network, so that one without an agent is never reached", (*patient).localNetwork},
		{"dhcp-lease", "an address that a VM was given stays taken for a day by default: after some 253 VMs none is left", (*patient).dhcpLease},
		{"dhcp-room", "a VM without an address is reached by nobody but its agent, and its jobs have no network", (*patient).dhcpRoom},
		{"tart", "every VM is made and run by tart", (*patient).tartItself},
		{"softnet", "tart filters what VMs of profiles with network = \"softnet\" reach by a program that must be root's; without it they don't start", (*patient).softnet},
		{"disk", "a job gets no VM while the disk has no room beside what the host keeps for itself", (*patient).disk},
		{"service", "it lends VMs to jobs: without it every one of them waits", (*patient).service},
		{"profiles", "a profile that is broken or was stopped gets no VM", (*patient).profiles},
		{"quarantine", "what can't be explained keeps its memory and its disk until somebody decides", (*patient).quarantine},
		{"github", "runners register at GitHub, and jobs come from there", (*patient).reach},
		{"clock", "GitHub refuses the tokens of a GitHub App whose Mac's clock is wrong, and jobs that compare times fail", (*patient).clock},
		{"permission-runners", "without it no VM gets a runner", (*patient).mayRunners},
		{"permission-secrets", "without it no Actions secret is kept up to date", (*patient).maySecrets},
		{"permission-files", "without it no workflow file is kept up to date", (*patient).mayFiles},
		{"permission-pulls", "without it no pull request brings workflow files", (*patient).mayPulls},
		{"runner-group", "the group decides whose jobs run on this Mac; a public repository's pull requests are anybody's", (*patient).runnerGroup},
		{"coordinator", "it receives the jobs that ask for VMs", (*patient).coordinator},
		{"labels", "a job goes to any runner that has its labels: one that can't boot VMs fails the jobs that ask for them", (*patient).labels},
		{"registrations", "runners that never come back fill the list at GitHub, which has an end", (*patient).registrations},
		{"runner-age", "GitHub gives a runner program no jobs from 30 days after its successor's release on", (*patient).runnerAge},
		{"images", "an image that is old brings old tools and known holes into every job", (*patient).images},
	}
}

// Names are those of all checks.
func Names() []string {
	var names []string
	for _, c := range checks() {
		names = append(names, c.name)
	}
	return names
}
