package hostsettings

import (
	"reflect"

	"github.com/zclconf/go-cty/cty"

	"hostler/providers"
)

// Values are settings, each in its normal form. A nil one is not named; in
// what was read it may also have never been set on the Mac.
type Values struct {
	Sleep                  *string  `cty:"sleep"`
	DisplaySleep           *string  `cty:"display_sleep"`
	DiskSleep              *string  `cty:"disk_sleep"`
	SleepDisabled          *bool    `cty:"sleep_disabled"`
	RestartAfterPowerLoss  *bool    `cty:"restart_after_power_loss"`
	RestartOnFreeze        *bool    `cty:"restart_on_freeze"`
	WakeOnLAN              *bool    `cty:"wake_on_lan"`
	PowerNap               *bool    `cty:"power_nap"`
	Standby                *bool    `cty:"standby"`
	Hostname               *string  `cty:"hostname"`
	LocalHostname          *string  `cty:"local_hostname"`
	ComputerName           *string  `cty:"computer_name"`
	Timezone               *string  `cty:"timezone"`
	NetworkTime            *bool    `cty:"network_time"`
	RemoteLogin            *bool    `cty:"remote_login"`
	Firewall               *bool    `cty:"firewall"`
	DeveloperMode          *bool    `cty:"developer_mode"`
	ScreenSaver            *string  `cty:"screen_saver"`
	LoginScreenSaver       *string  `cty:"login_screen_saver"`
	SoftwareUpdateCheck    *bool    `cty:"software_update_check"`
	SoftwareUpdateDownload *bool    `cty:"software_update_download"`
	SoftwareUpdateInstall  *bool    `cty:"software_update_install"`
	SoftwareUpdateSecurity *bool    `cty:"software_update_security"`
	SoftwareUpdateData     *bool    `cty:"software_update_data"`
	Spotlight              *bool    `cty:"spotlight"`
	TimeMachine            *bool    `cty:"time_machine"`
	MaxOpenFiles           *int     `cty:"max_open_files"`
	DHCPLease              *string  `cty:"dhcp_lease"`
	VMSubnet               *string  `cty:"vm_subnet"`
	LocalNetwork           []string `cty:"local_network"`
	Xcode                  *string  `cty:"xcode"`
	Rosetta                *bool    `cty:"rosetta"`
}

// field is where a setting lies.
func (v *Values) field(name string) reflect.Value {
	s := reflect.ValueOf(v).Elem()
	for i := range s.NumField() {
		if s.Type().Field(i).Tag.Get("cty") == name {
			return s.Field(i)
		}
	}
	panic("setting " + name + " has no field in Values")
}

// get is a string, bool, int or []string, or nil.
func (v *Values) get(name string) any {
	f := v.field(name)
	switch {
	case f.IsNil():
		return nil
	case f.Kind() == reflect.Pointer:
		return f.Elem().Interface()
	}
	return f.Interface()
}

func (v *Values) set(name string, to any) {
	f := v.field(name)
	switch {
	case to == nil:
		f.SetZero()
	case f.Kind() == reflect.Pointer:
		p := reflect.New(f.Type().Elem())
		p.Elem().Set(reflect.ValueOf(to))
		f.Set(p)
	default:
		f.Set(reflect.ValueOf(to))
	}
}

// settings are those that v names, in the table's order.
func (v *Values) settings() []setting {
	var out []setting
	for _, s := range table() {
		if v.get(s.name) != nil {
			out = append(out, s)
		}
	}
	return out
}

// Normalize gives each setting its one spelling. Its error, a
// providers.AttrError, is one that the schema's checks would have found.
func (v *Values) Normalize() error {
	if v == nil {
		return nil
	}
	for _, s := range v.settings() {
		to, err := s.normalize(v.get(s.name))
		if err != nil {
			return &providers.AttrError{Path: attr(s.name), Err: err}
		}
		v.set(s.name, to)
	}
	return nil
}

// AfterRestart are the settings of v that differ from those of have and take
// effect only when the Mac is restarted.
func (v *Values) AfterRestart(have *Values) []string {
	if v == nil {
		return nil
	}
	var names []string
	for _, s := range v.settings() {
		if s.restart && (have == nil || !reflect.DeepEqual(v.get(s.name), have.get(s.name))) {
			names = append(names, s.name)
		}
	}
	return names
}

// attr is where a setting stands in a host block.
func attr(name string) cty.Path { return cty.GetAttrPath(block).GetAttr(name) }
