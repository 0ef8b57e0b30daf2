package launchd

import (
	"reflect"
	"testing"
)

// FuzzPlist: a property list is read without a word left out. What a Job can say
// of it comes to the same when it is written and read again.
func FuzzPlist(f *testing.F) {
	f.Add([]byte(`<?xml version="1.0"?><plist version="1.0"><dict><key>Label</key><string>hostler.x</string><key>ProgramArguments</key><array><string>/bin/ls</string></array><key>StartInterval</key><integer>60</integer></dict></plist>`))
	f.Add([]byte(`<plist version="1.0"><dict><key>StartCalendarInterval</key><dict><key>Hour</key><integer>3</integer></dict><key>KeepAlive</key><dict><key>Crashed</key><true/></dict></dict></plist>`))
	f.Add([]byte("bplist00\xd0"))
	f.Add([]byte("<plist><array/></plist>"))
	f.Fuzz(func(t *testing.T, data []byte) {
		j := Job{Label: "hostler.x"}
		parse(data, &j)
		if len(*j.Unexpected) > 0 {
			return
		}
		again, err := render(&j)
		if err != nil {
			t.Fatalf("%+v: %v", j, err)
		}
		k := Job{Label: "hostler.x"}
		if parse(again, &k); !reflect.DeepEqual(j, k) {
			t.Errorf("%+v became %+v by\n%s", j, k, again)
		}
	})
}
