package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"todosync/connector"
)

func TestLockFolder(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "deep", "er")
	since := time.Date(2026, 1, 2, 3, 4, 5, 0, time.Local)
	first, err := lockFolder(dir, since)
	if err != nil {
		t.Fatal(err)
	}
	_, err = lockFolder(dir, since.Add(time.Hour))
	if connector.KindOf(err) != connector.Conflict {
		t.Fatalf("the second lock gives %v", err)
	}
	for _, want := range []string{dir, fmt.Sprint(os.Getpid()), "2026-01-02 03:04:05"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the message lacks %q: %v", want, err)
		}
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	third, err := lockFolder(dir, since)
	if err != nil {
		t.Fatalf("after the first has ended: %v", err)
	}
	if err := third.Close(); err != nil {
		t.Error(err)
	}
}
