package tartcli

import (
	"errors"
	"fmt"
	"strings"
)

// Kind is the kind of a failure of tart.
type Kind string

const (
	NotFound      Kind = "not found"       // no VM of that name
	AlreadyExists Kind = "already exists"  // a VM, or the remains of one, has the new name
	NotRunning    Kind = "not running"     // the command needs a running VM
	Running       Kind = "running"         // the command needs a stopped one
	Suspended     Kind = "suspended"       // so does this one: a saved state would be spoilt
	LimitExceeded Kind = "limit exceeded"  // two macOS guests run on this Mac already
	InvalidConfig Kind = "invalid config"  // below the image's minimum, or a disk that would shrink
	ImageNotFound Kind = "image not found" // the registry has no such image
	Auth          Kind = "auth"            // the registry wants other credentials
	Registry      Kind = "registry"        // the registry failed
	Network       Kind = "network"         // the registry can't be reached
	NoSpace       Kind = "no space"
	NoSession     Kind = "no session" // the VM does not start, most likely for want of a login session
	NoAddress     Kind = "no address" // the guest has no IP address yet
	NoAgent       Kind = "no agent"   // the guest agent does not answer
	GuestLost     Kind = "guest lost" // the guest ended, or its agent, while a command ran in it
	Crashed       Kind = "crashed"    // the guest ended by an error of its own
	Corrupt       Kind = "corrupt"    // the VM's folder lacks files, or config.json can't be read
	BadHome       Kind = "bad home"
	Usage         Kind = "usage"    // tart refused the command line: a bug of ours, or a strange version
	Signaled      Kind = "signaled" // tart itself was killed
	Missing       Kind = "missing"  // there is no tart
	TooOld        Kind = "too old"
	Timeout       Kind = "timeout"
	Unexpected    Kind = "unexpected"
)

// Error is a failure of tart, or one that was foreseen before tart was called.
type Error struct {
	Kind Kind
	Op   string // tart's command
	VM   string // or image; "" when it concerns neither
	Exit int    // 0 when tart was not called
	Text string // what tart said
	Err  error
}

func (e *Error) Error() string {
	text := "tart " + e.Op
	if e.VM != "" {
		text += fmt.Sprintf(" %q", e.VM)
	}
	if why := e.why(); why != "" {
		text += ": " + why
	}
	if e.Text != "" && e.Kind != TooOld {
		text += ": " + e.Text
	}
	return text
}

// why says in our own words what is wrong, and where there is something to be
// done, what.
func (e *Error) why() string {
	switch e.Kind {
	case NotFound:
		return "there is no such VM"
	case AlreadyExists:
		return "a VM of that name already exists"
	case NotRunning:
		return "the VM does not run"
	case Running:
		return "the VM is running; shut it down first (`tart stop " + e.VM + "` cuts its power)"
	case Suspended:
		return "the VM is suspended; `tart stop " + e.VM + "` drops the saved state"
	case LimitExceeded:
		return "two macOS guests run on this Mac already, which is Apple's limit"
	case ImageNotFound:
		return "the registry has no such image; check its name and tag"
	case Auth:
		return "the registry refused the credentials; run `tart login HOST`, or set TART_REGISTRY_USERNAME and TART_REGISTRY_PASSWORD"
	case Registry:
		return "the registry failed; try again later"
	case Network:
		return "the registry can't be reached"
	case NoSession:
		return "the VM did not start; macOS guests need this user logged in at the Mac's screen, with the login keychain unlocked " +
			"(`security unlock-keychain`); /usr/bin/log show --last 5m --predicate 'process == \"tart\"' tells more"
	case NoAddress:
		return "the guest has no IP address"
	case NoAgent:
		return "the guest agent does not answer; vanilla images have none"
	case GuestLost:
		return "the guest was lost while a command ran in it"
	case Crashed:
		return "the guest ended by an error"
	case NoSpace:
		return "the disk is full; free some space, for example with `tart prune --older-than 30`, then try again"
	case Corrupt:
		return "the VM's folder is damaged; restore its files, or remove it with `tart delete " + e.VM + "`"
	case BadHome:
		return "TART_HOME can't be used"
	case Signaled:
		return "tart was killed"
	case Missing:
		return "tart is not installed, or not in PATH; install it from https://tart.run"
	case TooOld:
		return fmt.Sprintf("version %s is too old; hostler needs %s or later, which brew upgrade %s installs", e.Text, MinVersion, Formula)
	case Timeout:
		return fmt.Sprintf("no answer within %s", patience)
	}
	return ""
}

func (e *Error) Unwrap() error { return e.Err }

// Is reports whether err is a failure of tart of that kind.
func Is(err error, k Kind) bool {
	var e *Error
	return errors.As(err, &e) && e.Kind == k
}

// evidence is one way in which tart says what is wrong. The text counts as well
// as the status, since statuses are shared: 1 is nearly everything, and 2 three
// things.
type evidence struct {
	exit int // 0: any
	text string
	kind Kind
}

// table lists the evidence, what is more exact first.
func table() []evidence {
	return []evidence{
		{64, "failed to rename a non-existent", NotFound},
		{64, "already exists, delete it first", AlreadyExists},
		{2, "does not exist", NotFound},
		{2, "is not running", NotRunning},
		{2, "is already running", Running},
		{0, "missing some of its files", Corrupt},
		{0, "missing files for a supported layout", Corrupt},
		{0, "TART_HOME is invalid", BadHome},
		{0, "No space left", NoSpace},
		{0, "there isn't enough space", NoSpace},
		{0, "there isn’t enough space", NoSpace},
		{0, "NSPOSIXErrorDomain Code=28", NoSpace},
		{0, "exceeds the system limit", LimitExceeded},
		{0, "maximum supported number of active virtual machines", LimitExceeded},
		{0, "LessThanMinimalResourcesError", InvalidConfig},
		{0, "Invalid virtual machine configuration", InvalidConfig},
		{0, "should be larger than", InvalidConfig},
		{0, "Failed to lock auxiliary storage", Running},
		{0, "must be stopped before", Running},
		{1, "is already running", Running},
		{1, "\" is running", Running},
		{1, "code: 404", ImageNotFound},
		{1, "code: 401", Auth},
		{1, "code: 403", Auth},
		{1, "AuthFailed", Auth},
		{1, "UnexpectedHTTPStatusCode", Registry},
		{1, "NSURLErrorDomain", Network},
		{1, "already exists", AlreadyExists},
		{64, "already exists", AlreadyExists},
		{1, "the specified VM", NotFound}, // as run says it
		{1, "no IP address found", NoAddress},
		{1, "using its control socket", NoAgent},
		{1, "unavailable (14)", GuestLost},
		{1, "VZErrorDomain Code=-9", NoSession},
		{1, "VZErrorDomain Code=1 ", NoSession},
		{0, "guest has stopped the virtual machine due to error", Crashed},
		{64, "", Usage},
	}
}

func classify(exit int, text string) Kind {
	for _, e := range table() {
		if (e.exit == 0 || e.exit == exit) && strings.Contains(text, e.text) {
			return e.kind
		}
	}
	return Unexpected
}
