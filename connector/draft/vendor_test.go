package draft

import (
	"os"
	"path/filepath"
	"testing"

	settingsfile "todosync/connector/file"
)

// The right sides that the facts of each OA's interface lead to. A field that is not here stays as the sample has it.
var vendorWants = map[string]struct {
	preset string
	want   map[string]string
	keeps  []string
}{
	"seeyon.txt": {"seeyon", map[string]string{
		"taskId": "#F123_#F001", "title": "#F055", "senderName": "#F054", "thirdSenderId": "#F049", "thirdReceiverId": "#F001", "creationDate": "#F009",
		"url": "#F117", "h5url": "#F118", "noneBindingReceiver": "#F001", "token": "${secret:oa-token}",
	}, []string{"registerCode", "state", "content", "noneBindingSender"}},
	"weaver.txt": {"weaver-soap", map[string]string{
		"in0.flowid": "#F123_#F001", "in0.requestname": "#F055", "in0.nodename": "#F112", "in0.pcurl": "#F117", "in0.appurl": "#F118", "in0.creator": "#F049",
		"in0.createdatetime": "#F009", "in0.receiver": "#F001", "in0.receivedatetime": "#F009", "in0.receivets": "#F201",
	}, []string{"in0.syscode", "in0.workflowname", "in0.isremark", "in0.viewtype"}},
	"landray.xml": {"landray", map[string]string{
		"arg0.createTime": "#F009", "arg0.key": "#F037", "arg0.link": "#F117", "arg0.modelId": "#F123", "arg0.subject": "#F055", "arg0.targets.LoginName": "#F001",
		"Header.RequestSOAPHeader.user": "${secret:oa-user}", "Header.RequestSOAPHeader.password": "${secret:oa-password}",
	}, []string{"arg0.appName", "arg0.modelName", "arg0.type"}},
	"yunzhijia.json": {"yunzhijia", map[string]string{
		"sourceId": "#F123", "title": "#F055", "itemtitle": "#F056", "content": "提交人:#F054", "url": "#F117", "senderId": "#F049", "params.openId": "#F001",
	}, []string{"appId", "headImg", "sync", "todoType"}},
	"welink.sh": {"welink", map[string]string{
		"taskId": "#F123_#F001", "taskTitle": "#F055", "userId": "#F001", "userNameCn": "#F124", "userNameEn": "#F124", "detailsUrl": "#F118", "detailsUrlPc": "#F117",
		"applicantUserId": "#F049", "applicantUserNameCn": "#F125", "applicantUserNameEn": "#F125", "applicantId": "#F123",
	}, []string{"appName", "isMsg"}},
}

func TestVendors(t *testing.T) {
	t.Parallel()
	for name, tt := range vendorWants {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := drafted(t, name, Options{Tenant: "714439"})
			if d.Preset != tt.preset {
				t.Errorf("preset %q, want %q", d.Preset, tt.preset)
			}
			share(t, d, tt.want, tt.keeps, 1)
		})
	}
}

// drafted drafts from a file of testdata and has the result checked as validate does.
func drafted(t *testing.T, name string, o Options) *Draft {
	t.Helper()
	src, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	if o.Open == nil {
		o.Open = func(name string) ([]byte, error) { return os.ReadFile(filepath.Join("testdata", filepath.Base(name))) }
	}
	d, err := From([]Source{{Name: name, Text: src}}, o)
	if err != nil {
		t.Fatalf("draft: %v", err)
	}
	valid(t, d)
	return d
}

func valid(t *testing.T, d *Draft) {
	t.Helper()
	_, problems := settingsfile.Parse("draft", []byte(d.File), settingsfile.Options{CheckPublicURL: true, PublicURL: "https://todosync.example.com"})
	if problems.Err() != nil {
		t.Errorf("the draft has mistakes: %v\n%s", problems, d.File)
	}
}

// share counts the fields that were guessed as wanted, and fails below the wanted share. What it got wrong is told in any case.
func share(t *testing.T, d *Draft, want map[string]string, keeps []string, least float64) {
	t.Helper()
	got := map[string]Guess{}
	for _, g := range d.Guesses {
		if _, there := got[g.Field]; !there {
			got[g.Field] = g
		}
	}
	right := 0
	for field, right1 := range want {
		if g := got[field]; g.Right == right1 {
			right++
		} else {
			t.Logf("%s: %q, want %q (%s: %s)", field, g.Right, right1, g.Kind, g.Reason)
		}
	}
	for _, field := range keeps {
		if g := got[field]; g.Kind == "constant" && g.Reason != "" {
			right++
		} else {
			t.Logf("%s: %q is %s, want it kept (%s)", field, g.Right, g.Kind, g.Reason)
		}
	}
	n := len(want) + len(keeps)
	if float64(right) < least*float64(n) {
		t.Errorf("%d of %d fields are right\n%s", right, n, d.File)
	}
}
