package storetest

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"todosync/connector"
	"todosync/store"
)

// testSignOn uses proofs and tickets up once, however many bring them at once, and keeps the log.
func testSignOn(t *testing.T, e Engine) {
	p := play(t, e, nil)
	ctx := t.Context()
	entry := func(number, tenant string) store.SignOn {
		return store.SignOn{Number: number, At: p.now, Tenant: tenant, Connection: "oa", Vendor: "weaver", Account: "oa-a", User: "a", Outcome: "signed_on", Skew: time.Second}
	}
	admission := store.Admission{
		Conn: 1, Proof: []byte("proof"), Until: p.now.Add(time.Minute), Ticket: []byte("ticket"), Expires: p.now.Add(time.Minute), Target: "/home", Entry: entry("AAAA2222", "T"),
	}
	if fresh, err := p.db.Admit(ctx, admission); err != nil || !fresh {
		t.Fatalf("admitted: %v, %v", fresh, err)
	}
	again := admission
	again.Ticket, again.Entry = []byte("other"), entry("BBBB2222", "T")
	if fresh, err := p.db.Admit(ctx, again); err != nil || fresh {
		t.Errorf("the same proof again: %v, %v", fresh, err)
	}
	again.Conn = 2
	if fresh, err := p.db.Admit(ctx, again); err != nil || !fresh {
		t.Errorf("the same proof elsewhere: %v, %v", fresh, err)
	}
	if _, ok, err := p.db.RedeemTicket(ctx, []byte("ticket"), []string{"U"}); ok || err != nil {
		t.Errorf("another tenant redeems it: %v", err)
	}
	var redeemed atomic.Int64
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			got, ok, err := p.db.RedeemTicket(ctx, []byte("ticket"), []string{"T", "U"})
			if err != nil {
				t.Errorf("redeem: %v", err)
			}
			if ok {
				redeemed.Add(1)
				if got.Tenant != "T" || got.User != "a" || got.Target != "/home" || !got.Expires.Equal(admission.Expires) {
					t.Errorf("redeemed %+v", got)
				}
			}
		})
	}
	all.Wait()
	if n := redeemed.Load(); n != 1 {
		t.Errorf("redeemed %d times", n)
	}
	late := admission
	late.Proof, late.Ticket, late.Expires, late.Entry = nil, []byte("late"), p.now, entry("CCCC2222", "U")
	if fresh, err := p.db.Admit(ctx, late); err != nil || !fresh {
		t.Fatalf("without a proof: %v, %v", fresh, err)
	}
	if _, ok, _ := p.db.RedeemTicket(ctx, []byte("late"), nil); ok {
		t.Error("a ticket that has run out is good")
	}

	// A proof that the OA's server brings is good for the browser, once.
	if _, known, err := p.db.RecallProof(ctx, 1, []byte("v5")); known || err != nil {
		t.Errorf("known before it came: %v", err)
	}
	if fresh, err := p.db.UseProof(ctx, 1, []byte("v5"), p.now.Add(time.Minute)); !fresh || err != nil {
		t.Fatalf("fresh %v, %v", fresh, err)
	}
	if fresh, _ := p.db.UseProof(ctx, 1, []byte("v5"), p.now.Add(time.Minute)); fresh {
		t.Error("it is fresh twice")
	}
	if account, known, _ := p.db.RecallProof(ctx, 1, []byte("v5")); account != "" || !known {
		t.Errorf("%q is recalled before it was kept", account)
	}
	if err := p.db.KeepProof(ctx, 1, []byte("v5"), "oa-a", p.now.Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"oa-a", ""} {
		if account, known, err := p.db.RecallProof(ctx, 1, []byte("v5")); account != want || !known || err != nil {
			t.Errorf("recalled %q, want %q: %v", account, want, err)
		}
	}
	if err := p.db.KeepProof(ctx, 1, []byte("v5"), "oa-a", p.now); err != nil {
		t.Fatal(err)
	}
	if account, _, _ := p.db.RecallProof(ctx, 1, []byte("v5")); account != "" {
		t.Error("a proof is recalled whose time is over")
	}
	if _, err := p.db.UseProof(ctx, 1, []byte("lost"), p.now); err != nil {
		t.Fatal(err)
	}
	if err := p.db.ForgetProof(ctx, 1, []byte("lost")); err != nil {
		t.Fatal(err)
	}
	if fresh, _ := p.db.UseProof(ctx, 1, []byte("lost"), p.now); !fresh {
		t.Error("a forgotten proof cannot come again")
	}

	page, err := p.db.SignOns(ctx, store.SignOnFilter{Tenants: []string{"T"}}, connector.PageOf{Limit: 1})
	if err != nil || len(page.Items) != 1 || page.Next == "" || page.Items[0].Number != "BBBB2222" || page.Items[0].Skew != time.Second {
		t.Errorf("the log's first page %+v, %v", page, err)
	}
	for n, f := range map[int]store.SignOnFilter{
		1: {Numbers: []string{"CCCC2222"}}, 3: {Users: []string{"a"}, Accounts: []string{"oa-a"}, Outcomes: []string{"signed_on"}}, 0: {From: p.now.Add(time.Second)},
	} {
		if page, err := p.db.SignOns(ctx, f, connector.PageOf{}); err != nil || len(page.Items) != n {
			t.Errorf("%+v finds %d, want %d: %v", f, len(page.Items), n, err)
		}
	}

	// What is over goes.
	s := connector.Sweep{Chore: connector.ChoreSignOns, Size: 100, Now: p.now.Add(2 * connector.KeepSignOns), Retention: connector.Retention{Keep: time.Hour, KeepFailed: time.Hour}}
	removed := 0
	for more := true; more; {
		got, err := p.db.Sweep(ctx, s)
		if err != nil {
			t.Fatal(err)
		}
		removed, s.After, more = removed+got.Removed, got.Next, got.Next != ""
	}
	if page, err := p.db.SignOns(ctx, store.SignOnFilter{}, connector.PageOf{}); err != nil || len(page.Items) != 0 || removed != 3+3+4 {
		t.Errorf("%d are left of the log, %d removed: %v", len(page.Items), removed, err)
	}
}
