package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/spf13/cobra"

	"todosync/connector"
	"todosync/internal/natsserver"
	"todosync/store"
)

// A restored is what `restore` says of what it has done.
type restored struct {
	Folder  string          `json:"folder"`
	Made    time.Time       `json:"made"`
	Events  int64           `json:"events"`
	Waiting int64           `json:"waiting"`
	Kept    string          `json:"kept,omitempty"` // where the store lies that was there before
	Key     bool            `json:"key"`            // whether the key file is there
	Streams []restoreStream `json:"streams"`
}

// A restoreStream says what can be read again of a stream.
type restoreStream struct {
	Stream   string `json:"stream"`
	Position uint64 `json:"position"`       // up to which the backup knows it
	Found    bool   `json:"found"`          // in the data folder
	First    uint64 `json:"first"`          // the oldest that it has
	Last     uint64 `json:"last"`           // the newest
	Again    uint64 `json:"again"`          // how many sequences are read again
	Gone     uint64 `json:"gone,omitempty"` // how many after the position are older than what the stream keeps
}

func (c *cli) restoreCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use: "restore FILE", Args: c.args(1, 1, "FILE"),
		Short: c.t("Put the store of a backup into a data folder", "将备份恢复到数据目录"),
		Long: c.t(`Puts the store of a backup into the data folder of a server that does not run. The server then reads the stream again
from where the backup was: nothing that the stream still has is lost. What may have reached the OAs in between is marked possiblySentTwice
and goes again. The key file (DATA/key) must be the one of the server that made the backup.`,
			`把备份中的存储恢复到数据目录（服务器须已停止）。之后服务器会从备份时的位置重新读取消息流：流中仍保留的事件一个不丢。
其间可能已到达 OA 的推送会标记为 possiblySentTwice 并再次推送。密钥文件（DATA/key）必须是制作备份的服务器所用的那一个。`),
		Example: "  todosync restore /backup/todosync-2026-11-21.tar --data-dir /var/lib/todosync",
	}
	dir := cmd.Flags().String("data-dir", "./data", c.t("folder of the server that is to go on from the backup", "要恢复到的服务器数据目录"))
	key := cmd.Flags().String("key-file", "", c.t("file with the key of secrets (default DATA/key)", "密钥文件（默认 DATA/key）"))
	force := cmd.Flags().Bool("force", false, c.t("also where a store is: it is kept beside", "目录中已有存储时也恢复：原存储会保留在旁边"))
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		private()
		out, err := restore(cmd.Context(), restoring{file: args[0], dir: *dir, key: *key, force: *force, now: c.now()})
		if err != nil {
			return err
		}
		return c.showRestored(out)
	}
	return cmd
}

// A restoring is what `restore` was asked for.
type restoring struct {
	file, dir, key string
	force          bool
	now            time.Time
}

// restore puts a backup into a data folder. Until all has been checked, what is there stays as it is.
func restore(ctx context.Context, r restoring) (out restored, err error) {
	f, err := os.Open(r.file)
	if err != nil {
		return out, &connector.Error{Kind: connector.NotFound, Op: "restore", Msg: "cannot read " + r.file, Err: rootCause(err)}
	}
	defer func() { _ = f.Close() }()
	folder, err := lockFolder(r.dir, r.now)
	if err != nil {
		return out, err
	}
	defer func() { err = errors.Join(err, folder.Close()) }()
	target := filepath.Join(r.dir, storeFile)
	if _, err := os.Stat(target); err == nil && !r.force {
		return out, &connector.Error{
			Kind: connector.Conflict, Op: "restore", Msg: "there is a store in " + r.dir + " already",
			Hint: "Name an empty folder with --data-dir, or give --force: the store that is there is kept beside.",
		}
	}
	temp := filepath.Join(r.dir, ".restore-"+storeFile)
	defer func() {
		for _, suffix := range []string{"", "-journal", "-wal", "-shm"} {
			_ = os.Remove(temp + suffix) // it is in its place, or of no use
		}
	}()
	m, err := extract(f, temp)
	if err != nil {
		return out, err
	}
	copied, err := store.Restored(ctx, temp, r.now)
	if err != nil {
		return out, err
	}
	out = restored{Folder: r.dir, Made: m.Made, Events: copied.Events, Waiting: copied.Waiting}
	if out.Kept, err = setAside(r.dir, r.now); err != nil {
		return out, err
	}
	if err := os.Rename(temp, target); err != nil {
		return out, fmt.Errorf("put the store into its place: %w", err)
	}
	if err := syncFolder(r.dir); err != nil {
		return out, err
	}
	if r.key == "" {
		r.key = filepath.Join(r.dir, keyFile)
	}
	_, err = os.Stat(r.key)
	out.Key = err == nil
	out.Streams, err = readAgain(ctx, r.dir, copied.Positions)
	return out, err
}

// extract puts the database of a backup into a file.
func extract(from io.Reader, path string) (manifest, error) {
	into, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return manifest{}, fmt.Errorf("restore: %w", err)
	}
	m, err := readBackup(from, into)
	if err == nil {
		err = into.Sync()
	}
	return m, errors.Join(err, into.Close())
}

// setAside moves the store that is in a folder into a folder of its own there, and says where.
func setAside(dir string, now time.Time) (string, error) {
	var kept string
	for _, suffix := range []string{"", "-wal", "-shm"} {
		name := filepath.Join(dir, storeFile+suffix)
		if _, err := os.Stat(name); err != nil {
			continue
		}
		if kept == "" {
			kept = filepath.Join(dir, "before-restore-"+now.UTC().Format("20060102T150405Z"))
			if err := os.Mkdir(kept, 0o700); err != nil {
				return "", fmt.Errorf("keep the store that is there: %w", err)
			}
		}
		if err := os.Rename(name, filepath.Join(kept, storeFile+suffix)); err != nil {
			return kept, fmt.Errorf("keep the store that is there: %w", err)
		}
	}
	return kept, nil
}

// readAgain compares the positions of a backup with the streams in the data folder.
func readAgain(ctx context.Context, dir string, positions map[string]uint64) ([]restoreStream, error) {
	found := map[string]jetstream.StreamState{}
	if _, err := os.Stat(filepath.Join(dir, streamFolder)); err == nil {
		if found, err = streamsOf(ctx, dir); err != nil {
			return nil, err
		}
	}
	out := []restoreStream{}
	for id, position := range positions {
		s := restoreStream{Stream: id, Position: position}
		if state, ok := found[id]; ok {
			s.Found, s.First, s.Last = true, state.FirstSeq, state.LastSeq
			if state.LastSeq > position {
				s.Again = state.LastSeq - max(position, state.FirstSeq-1)
			}
			if state.FirstSeq > position+1 {
				s.Gone = state.FirstSeq - position - 1
			}
		}
		out = append(out, s)
	}
	slices.SortFunc(out, func(a, b restoreStream) int { return strings.Compare(a.Stream, b.Stream) })
	return out, nil
}

// streamsOf reads which streams the embedded NATS of a folder has.
func streamsOf(ctx context.Context, dir string) (map[string]jetstream.StreamState, error) {
	s, err := natsserver.Start(ctx, natsserver.Config{
		StoreDir: filepath.Join(dir, streamFolder), Listen: natsserver.NoListen, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		return nil, err
	}
	defer s.Close()
	nc, err := s.Connect("todosync restore")
	if err != nil {
		return nil, err
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	found := map[string]jetstream.StreamState{}
	list := js.ListStreams(ctx)
	for info := range list.Info() {
		found[connector.Stream{Name: info.Config.Name, Created: info.Created}.String()] = info.State
	}
	return found, list.Err()
}

// showRestored says what was done and what is left to do.
func (c *cli) showRestored(r restored) error {
	raw, err := json.Marshal(r)
	if err != nil {
		return err
	}
	return c.one([]column{
		{key: "folder"}, {key: "made"}, {key: "events"}, {key: "waiting"}, {key: "kept"}, {key: "key"},
	}, raw, func() error { return c.sayRestored(r) })
}

func (c *cli) sayRestored(r restored) error {
	say := func(en, zh string, a ...any) { fmt.Fprintf(c.stdout, c.t(en, zh)+"\n", a...) }
	say("%s is as it was at %s: %d events, %d deliveries waiting", "%s 已恢复到 %s 的状态：%d 个事件，%d 个待推送", r.Folder,
		r.Made.Local().Format("2006-01-02 15:04:05"), r.Events, r.Waiting)
	if r.Kept != "" {
		say("The store that was there lies in %s", "原存储保留在 %s", r.Kept)
	}
	for _, s := range r.Streams {
		switch {
		case !s.Found:
			say("Stream %s: the backup knows it up to %d. It is not in this folder; where NATS has it, it is read again from there on, and else the CRM must send again what came after",
				"消息流 %s：备份已读到 %d。该目录中没有此流；若 NATS 中有，将从该位置继续读取，否则请让 CRM 重发其后的事件", s.Stream, s.Position)
		case s.Gone > 0:
			say("Stream %s: %d events are read again. %d after the backup's position (%d to %d) are older than what the stream keeps: have the CRM send them again",
				"消息流 %s：将重新读取 %d 个事件。备份位置之后的 %d 个（%d 至 %d）已早于流的保留范围：请让 CRM 重发", s.Stream, s.Again, s.Gone, s.Position+1, s.First-1)
		default:
			say("Stream %s: %d events are read again, none is missing", "消息流 %s：将重新读取 %d 个事件，无缺失", s.Stream, s.Again)
		}
	}
	if r.Waiting > 0 || len(r.Streams) > 0 {
		say("What may have reached an OA since the backup goes again and is marked possiblySentTwice.", "备份之后可能已到达 OA 的推送会再次推送，并标记为 possiblySentTwice。")
	}
	if !r.Key {
		say("Put the key file of the server that made the backup into the folder before you start it.", "启动前，请将制作备份的服务器的密钥文件放入该目录。")
	}
	return nil
}
