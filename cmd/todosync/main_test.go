package main

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestMain puts this test binary onto PATH as todosync, for scripts and for tests that need a process of its own to kill.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"todosync":      func() { os.Exit(program()) },
		"todosync-code": wantCode,
	})
}

// wantCode runs a command for a script and fails unless it exits with the code that stands before it.
func wantCode() {
	cmd := exec.Command(os.Args[2], os.Args[3:]...)
	_ = cmd.Run() // the code is what counts
	if got := strconv.Itoa(cmd.ProcessState.ExitCode()); got != os.Args[1] {
		fmt.Fprintf(os.Stderr, "%q exits with %s, want %s\n", os.Args[2:], got, os.Args[1])
		os.Exit(1)
	}
}

// TestScripts runs the command line as a user does; testdata/script holds the sessions.
func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script", RequireExplicitExec: true, RequireUniqueNames: true,
		Setup: func(e *testscript.Env) error {
			e.Setenv("LANG", "C")
			e.Setenv("TODOSYNC_SERVER", "http://127.0.0.1:1") // nothing answers there
			return nil
		},
	})
}
