package storetest

import (
	"testing"
	"time"

	"todosync/store"
)

// An Engine is one database engine under test.
type Engine struct {
	// Place makes room for one database, empty at first.
	Place func(t testing.TB) string
	// Open opens the database at a place; it is closed with the test, or by the test.
	Open func(t testing.TB, place string, change func(*store.Config)) *store.DB
	// Histories is how many random histories are played, where an empty database takes long to make; 0: as many as rapid is told.
	Histories int
	// TryOpen is Open where it may fail. Only RunShared needs it, and what follows.
	TryOpen func(t testing.TB, place string, change func(*store.Config)) (*store.DB, error)
	// Elapse makes all leases at a place older.
	Elapse func(t testing.TB, place string, by time.Duration)
}

func (e Engine) fresh(t testing.TB) *store.DB {
	t.Helper()
	return e.Open(t, e.Place(t), nil)
}

// Run plays the whole suite against an engine.
func Run(t *testing.T, e Engine) {
	t.Helper()
	tests := map[string]func(t *testing.T, e Engine){
		"accept": testAccept, "positions": testPositions, "rejects": testRejects, "content": testContent,
		"duplicates": testDuplicates, "recognise": testRecognise, "heavy batch": testHeavyBatch, "supersede": testSupersede, "coalesce": testCoalesce,
		"order": testOrder, "lanes": testLanes, "lost changes": testLost, "due times": testDue, "probe": testProbe,
		"together": testTogether, "skip follows": testSkipFollows, "halves of a lane": testHalves, "recover": testRecover,
		"conditions": testConditions, "over": testOver, "clock put back": testMend, "a connection's own clock": testClockOfConnection, "token": testToken,
		"told times": testToldTimes, "unbound time": testUnboundTime, "histories": testHistories,
		"save": testSave, "who wins": testWhoWins, "broken settings": testBroken, "delete": testDelete, "export": testExport,
		"secrets": testSecrets, "rotate": testRotate, "bindings": testBindings, "release": testRelease, "release late": testReleaseLate, "rebind": testRebind, "rebind meanwhile": testMeanwhile, "killed meanwhile": testKilledMeanwhile, "import": testImport, "unbound": testUnbound,
		"records": testRecords, "record": testRecord, "filters": testFilters, "cursors": testCursors, "clock": testClock, "watch": testWatch, "watch again": testWatchAgain,
		"retry": testRetry, "cancel": testCancel, "resend": testResend, "recreated": testRecreated, "rehearse": testRehearse, "jobs": testJobs,
		"push": testPush, "backfill": testBackfill, "retention": testRetention, "rejected most": testRejectedMost, "events": testEvents, "replay": testReplay, "rejected search": testRejectedSearch, "counts": testCounts, "series": testSeries, "series kept": testSeriesKept,
		"failures": testFailures, "failed again": testFailedAgain, "silent": testSilent, "given up": testGivenUp, "outbox": testOutbox, "kept digests": testKeptDigests, "digest histories": testDigestHistories,
		"audit": testAudit, "api tokens": testAPITokens, "sign-on": testSignOn, "sign-on keys": testSignKeys, "log-ins asked for": testAsks, "widget users": testWidgetUsers, "kinds of bindings": testBindingKinds, "users": testUsers, "user sessions": testSessions, "guessing": testGuessing, "clock put back under people": testClockAndPeople, "failed log-ins": testRefused, "by rule": testByRule, "invitations": testInvitations, "access links": testAccessLinks, "restart": testRestart, "split": testSplit, "split whole": testSplitWhole, "resend departed": testDeparted, "resend parts": testParts, "people": testPeople, "automatic": testAutomatic, "withdraw": testWithdraw, "erase": testErase,
	}
	for name, f := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f(t, e)
		})
	}
}
