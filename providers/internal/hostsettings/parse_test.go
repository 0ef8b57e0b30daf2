package hostsettings

import (
	"reflect"
	"strings"
	"testing"
)

func witnessOf(t *testing.T, name string, i int) witness {
	t.Helper()
	for _, s := range table() {
		if s.name == name {
			return s.read[i]
		}
	}
	t.Fatalf("no setting %s", name)
	return witness{}
}

// TestOddAnswers has what the tools say on Macs other than the usual ones.
func TestOddAnswers(t *testing.T) {
	plistOf := func(body string) string {
		return `<?xml version="1.0" encoding="UTF-8"?><plist version="1.0"><dict>` + body + `</dict></plist>`
	}
	const (
		laptop = "Battery Power:\n displaysleep         2\n sleep                1 (sleep prevented by powerd, bluetoothd)\n" +
			"AC Power:\n Sleep On Power Button 1\n displaysleep         10\n womp                 1\n sleep                0\n"
		noDomain = "2026-11-25 10:00:00.000 defaults[1:2] \nThe domain com.apple.X does not exist\n"
	)
	never := []any{nil}
	for name, c := range map[string]struct {
		setting string
		witness int
		out     string // of both streams
		code    int
		want    []any
		bad     bool
	}{
		"each power source says its own":    {"sleep", 0, laptop, 0, []any{"1m", "never"}, false},
		"a key that one source lacks":       {"wake_on_lan", 0, laptop, 0, []any{true}, false},
		"a key that is not for the model":   {"restart_after_power_loss", 0, laptop, 0, nil, false},
		"a key is not the name's beginning": {"sleep", 0, "AC Power:\n sleepservices 1\n Sleep On Power Button 1\n", 0, nil, false},
		"a flag that is none":               {"wake_on_lan", 0, "AC Power:\n womp 7\n", 0, nil, true},
		"minutes that are none":             {"sleep", 0, "AC Power:\n sleep -1\n", 0, nil, true},
		"pmset says nothing":                {"sleep", 0, "", 0, nil, true},
		"sleep was never switched off":      {"sleep_disabled", 0, "System-wide power settings:\nCurrently in use:\n sleep 1\n", 0, nil, false},
		"freeze is not for the model":       {"restart_on_freeze", 0, "Restart After Freeze: Not supported on this machine.\n", 0, never, false},
		"freeze says something else":        {"restart_on_freeze", 0, "Restart After Freeze: Perhaps\n", 0, nil, true},
		"no name":                           {"hostname", 0, "HostName: not set\n", 1, never, false},
		"scutil can't":                      {"hostname", 0, "Access denied\n", 1, nil, true},
		"no link":                           {"timezone", 0, "", 1, never, false},
		"a zone of two words":               {"timezone", 0, "/var/db/timezone/zoneinfo/America/Argentina/Ushuaia\n", 0, []any{"America/Argentina/Ushuaia"}, false},
		"an older zone folder":              {"timezone", 0, "/usr/share/zoneinfo/UTC\n", 0, []any{"UTC"}, false},
		"sshd is loaded":                    {"remote_login", 0, "system/com.openssh.sshd = {\n", 0, []any{true}, false},
		"sshd is not":                       {"remote_login", 0, "Bad request.\n", 113, []any{false}, false},
		"launchd is beside itself":          {"remote_login", 0, "Input/output error", 5, nil, true},
		"nobody switched sshd":              {"remote_login", 1, "\n\tdisabled services = {\n\t\t\"com.apple.x\" => disabled\n\t}\n", 0, nil, false},
		"sshd was switched off":             {"remote_login", 1, "\tdisabled services = {\n\t\t\"com.openssh.sshd\" => disabled\n\t}\n", 0, []any{false}, false},
		"sshd was switched off, older":      {"remote_login", 1, "\tdisabled services = {\n\t\t\"com.openssh.sshd\" => true\n\t}\n", 0, []any{false}, false},
		"sshd was switched on, older":       {"remote_login", 1, "\tdisabled services = {\n\t\t\"com.openssh.sshd\" => false\n\t}\n", 0, []any{true}, false},
		"no list of switches":               {"remote_login", 1, "", 1, nil, true},
		"the firewall blocks all":           {"firewall", 0, "Firewall is blocking all non-essential incoming connections. (State = 2)\n", 0, []any{true}, false},
		"the firewall is silent":            {"firewall", 0, "\n", 0, nil, true},
		"indexing and searching":            {"spotlight", 0, "/:\n\tIndexing and searching disabled.\n", 0, []any{false}, false},
		"indexing, with a space":            {"spotlight", 0, "/:\n\tIndexing enabled. \n", 0, []any{true}, false},
		"a disk that is read-only":          {"spotlight", 0, "/:\n\tIndex is read-only.\n", 0, never, false},
		"Spotlight does not know":           {"spotlight", 0, "/:\n\tError: unknown indexing state.\n", 0, never, false},
		"mdutil has a new sentence":         {"spotlight", 0, "/:\n\tSpotlight is on holiday.\n", 0, nil, true},
		"no preferences":                    {"time_machine", 0, noDomain, 1, never, false},
		"no preferences, macOS 27":          {"time_machine", 0, "Could not find domain com.apple.X\n", 1, never, false},
		"preferences without the key":       {"time_machine", 0, plistOf(""), 0, never, false},
		"preferences that are none":         {"time_machine", 0, "{ AutoBackup = 0; ", 0, nil, true},
		"defaults can't":                    {"time_machine", 0, "Permission denied", 1, nil, true},
		"a flag as a number":                {"time_machine", 0, plistOf("<key>AutoBackup</key><integer>1</integer>"), 0, []any{true}, false},
		"a flag as text":                    {"time_machine", 0, plistOf("<key>AutoBackup</key><string>0</string>"), 0, []any{false}, false},
		"a flag as a wrong number":          {"time_machine", 0, plistOf("<key>AutoBackup</key><integer>2</integer>"), 0, never, false},
		"a flag as a list":                  {"time_machine", 0, plistOf("<key>AutoBackup</key><array/>"), 0, never, false},
		"seconds as text":                   {"login_screen_saver", 0, plistOf("<key>loginWindowIdleTime</key><string>90</string>"), 0, []any{"1m30s"}, false},
		"seconds as a fraction":             {"login_screen_saver", 0, plistOf("<key>loginWindowIdleTime</key><real>90.5</real>"), 0, never, false},
		"a lease without bootpd":            {"dhcp_lease", 0, plistOf("<key>bootpd</key><string>no</string>"), 0, never, false},
		"half a subnet":                     {"vm_subnet", 0, plistOf("<key>Shared_Net_Address</key><string>10.1.0.1</string>"), 0, never, false},
		"a subnet of another size":          {"vm_subnet", 0, plistOf("<key>Shared_Net_Address</key><string>10.1.0.1</string><key>Shared_Net_Mask</key><string>255.255.252.0</string>"), 0, []any{"10.1.0.0/22"}, false},
		"networks in another order":         {"local_network", 0, plistOf("<key>" + ethernetKey + "</key><array><string>192.168.1.7/16</string><string>10.0.0.0/8</string></array>"), 0, []any{[]string{"10.0.0.0/8", "192.168.0.0/16"}}, false},
		"networks that are none":            {"local_network", 1, plistOf("<key>" + wifiKey + "</key><array><string>all</string></array>"), 0, []any{[]string{"all"}}, false},
		"an empty list":                     {"local_network", 0, plistOf("<key>" + ethernetKey + "</key><array/>"), 0, never, false},
		"no limit":                          {"max_open_files", 0, "\tmaxfiles    unlimited      unlimited      \n", 0, never, false},
		"launchctl limit can't":             {"max_open_files", 0, "", 1, nil, true},
		"the job was edited":                {"max_open_files", 1, strings.Replace(string(limitPlist(limitCommand(4096))), "524288", "9999", 1), 0, never, false},
		"the job is as written":             {"max_open_files", 1, string(limitPlist(limitCommand(4096))), 0, []any{4096}, false},
		"the job is no plist":               {"max_open_files", 1, "limit", 0, never, false},
		"no Xcode":                          {"xcode", 0, "xcode-select: error: unable to get active developer directory, use ...\n", 2, never, false},
		"xcode-select is odd":               {"xcode", 0, "usage", 1, nil, true},
		"its licence waits":                 {"xcode", 1, "You have not agreed to the Xcode license agreements.\n", 69, never, false},
		"its licence is accepted":           {"xcode", 1, "", 0, nil, false},
		"tools have no licence":             {"xcode", 1, "xcode-select: error: tool 'xcodebuild' requires Xcode\n", 1, nil, false},
		"no developer mode":                 {"developer_mode", 0, "DevToolsSecurity: no such file", 1, nil, true},
	} {
		a := answer{out: c.out, all: c.out, code: c.code}
		got, err := witnessOf(t, c.setting, c.witness).parse(a)
		if (err != nil) != c.bad || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %#v, %v; want %#v", name, got, err, c.want)
		}
	}
}

func TestPick(t *testing.T) {
	for name, c := range map[string]struct {
		says       []any
		want, pick any
	}{
		"nobody knows":         {nil, true, nil},
		"all agree":            {[]any{true, true}, true, true},
		"the second differs":   {[]any{"never", "1m"}, "never", "1m"},
		"the first differs":    {[]any{"1m", "never"}, "never", "1m"},
		"one was never set":    {[]any{true, nil}, true, nil},
		"two other values":     {[]any{"5m", "1m"}, "never", "5m"},
		"lists by their parts": {[]any{[]string{"a"}, []string{"a"}}, []string{"a"}, []string{"a"}},
	} {
		if got := pick(c.says, c.want); !reflect.DeepEqual(got, c.pick) {
			t.Errorf("%s: %#v, want %#v", name, got, c.pick)
		}
	}
}
