package launchctl

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Code is the number of an error of launchd, which is launchctl's exit status.
type Code int

// The codes that callers tell apart.
const (
	NotPermitted Code = 1
	NoProcess    Code = 3 // bootout of what is not loaded
	Vague        Code = 5 // Input/output error: already loaded, still draining, disabled, not permitted, …
	InProgress   Code = 36
	Already      Code = 37
	BadPath      Code = 108
	BadPlist     Code = 109
	NoLabel      Code = 110
	NoProgram    Code = 111
	NoDomain     Code = 112
	NoService    Code = 113
	Disabled     Code = 119
	BadOwner     Code = 122
	TearingDown  Code = 124
	Unsupported  Code = 125 // gui/UID while nobody is logged in
	WrongSession Code = 134
	Protected    Code = 150 // System Integrity Protection
	Policy       Code = 161 // background task management
)

// Error is a refusal of launchd.
type Error struct {
	Verb   string
	Target string
	Code   Code
	Text   string // what launchctl printed
}

func (e *Error) Error() string {
	text := strings.Join(strings.Fields(e.Text), " ")
	if text == "" {
		text = fmt.Sprintf("exit status %d", e.Code)
	}
	s := fmt.Sprintf("launchctl %s %s: %s", e.Verb, e.Target, text)
	if hint := e.hint(); hint != "" {
		s += "; " + hint
	}
	return s
}

// hint says what to do about it.
func (e *Error) hint() string {
	gui := strings.HasPrefix(e.Target, "gui/")
	switch e.Code {
	case NoDomain, Unsupported:
		if gui {
			return "nobody is logged in at the screen of this Mac: log in (or turn on automatic login), or use domain = \"system\""
		}
	case Vague:
		return `see what launchd logged: log show --last 1m --predicate 'process == "launchd"'`
	case BadOwner:
		return "launchd takes a plist only from root:wheel, or in gui from the user, that nobody else may write"
	case Policy:
		return "allow the item in System Settings, General, Login Items"
	}
	return ""
}

// Is reports whether err is a refusal of launchd with one of the codes.
func Is(err error, codes ...Code) bool {
	var e *Error
	return errors.As(err, &e) && slices.Contains(codes, e.Code)
}
