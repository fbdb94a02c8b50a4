package connector

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"todosync/retry"
)

// TestRemoteID: the id that the OA gives a todo is remembered, where dataName says where it stands, and is #F119 of the calls that follow.
func TestRemoteID(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		dataName string
		want     []string
	}{
		"with dataName":    {"data.todo.id", []string{"create ", "edit oa-77", "done oa-77"}},
		"without dataName": {"", []string{"create ", "edit ", "done "}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := restConnection(func(c *Connection) {
					c.Result.DataName = tt.dataName
					for _, s := range c.Scenes {
						s.Headers = Headers{"X-Remote": "#F119"}
					}
				})
				var got []string
				play(t, c, func(b *bench) {
					b.owe("t", time.Now(), SceneCreate, SceneEdit, SceneDone)
					b.worker.Wake([]int64{1})
				}, time.Second, func(_ *bench, r retry.Request) (retry.Receipt, error) {
					scene := r.Address[strings.LastIndexByte(r.Address, '/')+1:]
					got = append(got, scene+" "+headerOf(r.Headers, "X-Remote"))
					if scene == "create" {
						return answer(`{"code":0,"data":{"todo":{"id":"oa-77"}}}`)
					}
					return answer(`{"code":0}`)
				})
				if diff := cmp.Diff(tt.want, got); diff != "" {
					t.Errorf("-want +got\n%s", diff)
				}
			})
		})
	}
}
