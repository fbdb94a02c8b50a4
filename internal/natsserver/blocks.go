package natsserver

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"todosync/connector"
)

// slow is how long the check may take without a word in the log.
const slow = 5 * time.Second

// A storedStream is what lies of one stream in the folder.
type storedStream struct {
	id     connector.Stream
	blocks []block // oldest first
}

// A block is a file with messages.
type block struct {
	path  string
	index uint64
}

// check reads the stream's files before nats-server does: where that finds a damaged record it cuts off the block there, without
// a word, and with it events that were acknowledged. Only what a crash leaves, an unfinished record at the very end, may be cut off.
//
// Blocks that hold nothing after Config.Planned are left out, and so are streams that are encrypted or compressed.
func (s *Server) check(ctx context.Context) error {
	if s.options.JetStreamKey != "" || s.options.JetStreamTpm.KeysFile != "" {
		return nil
	}
	streams, err := stored(s.options.StoreDir)
	if err != nil {
		return &connector.Error{
			Kind: connector.Unavailable, Op: "start NATS", Msg: "cannot read the events in " + s.options.StoreDir,
			Hint: "check the disk and who may read the folder", Err: err,
		}
	}
	began := time.Now()
	for _, st := range streams {
		if err := s.checkStream(ctx, st); err != nil {
			return err
		}
	}
	if took := time.Since(began); took > slow {
		s.cfg.Log.Info("checked the stored events", "took", took.Round(time.Millisecond))
	}
	return nil
}

func (s *Server) checkStream(ctx context.Context, st storedStream) error {
	planned := uint64(0)
	if s.cfg.Planned != nil {
		planned = s.cfg.Planned(st.id)
	}
	for i, b := range slices.Backward(st.blocks) {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("start NATS: %w", err)
		}
		found, err := readBlock(b, st.id.Name)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			continue
		case err != nil:
			return &connector.Error{
				Kind: connector.Unavailable, Op: "start NATS", Msg: "cannot read the events in " + b.path, Hint: "check the disk", Err: err,
			}
		case found.damaged(i == len(st.blocks)-1):
			if err := s.refuse(st, b, found); err != nil {
				return err
			}
		}
		if i == len(st.blocks)-1 && found.last > 0 && s.cfg.Found != nil {
			s.cfg.Found(st.id, found.last)
		}
		if found.first > 0 && found.first <= planned+1 {
			return nil // all before it is planned
		}
	}
	return nil
}

// refuse is the error of a damaged block. Where messages are not synced one by one a power cut may damage any of the last, which was
// accepted with the setting: then it is told and not refused.
func (s *Server) refuse(st storedStream, b block, found records) error {
	msg := fmt.Sprintf("the event store of stream %s is damaged: %s, at byte %d (after sequence %d)", st.id.Name, b.path, found.bad, found.last)
	if s.cfg.SyncInterval > 0 {
		s.cfg.Log.Error("what follows in a damaged file is lost", "damage", msg)
		return nil
	}
	return &connector.Error{
		Kind: connector.Unavailable, Op: "start NATS", Msg: msg,
		Hint: "nothing was changed; put back a sound copy of that file, or, to go on without the events in it that follow, " +
			"cut it off there (truncate --size=" + strconv.FormatInt(found.bad, 10) + " FILE) and have the CRM emit them again",
	}
}

// stored lists the streams in a folder of JetStream: ACCOUNT/streams/NAME/msgs/N.blk.
func stored(dir string) ([]storedStream, error) {
	metas, err := filepath.Glob(filepath.Join(dir, "jetstream", "*", "streams", "*", server.JetStreamMetaFile))
	if err != nil {
		return nil, err
	}
	var out []storedStream
	for _, meta := range metas {
		st, err := storedIn(meta)
		if err != nil {
			return nil, err
		}
		out = append(out, st)
	}
	return out, nil
}

func storedIn(meta string) (storedStream, error) {
	folder := filepath.Dir(meta)
	b, err := os.ReadFile(meta)
	if err != nil {
		return storedStream{}, err
	}
	var info struct {
		Name    string    `json:"name"`
		Created time.Time `json:"created"`
	}
	if err := json.Unmarshal(b, &info); err != nil {
		return storedStream{}, nil //nolint:nilerr // nats-server has a checksum of it, and says so
	}
	st := storedStream{id: connector.Stream{Name: info.Name, Created: info.Created}}
	files, err := os.ReadDir(filepath.Join(folder, "msgs"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return st, err
	}
	for _, f := range files {
		number, ok := strings.CutSuffix(f.Name(), ".blk")
		if index, err := strconv.ParseUint(number, 10, 32); ok && err == nil {
			st.blocks = append(st.blocks, block{filepath.Join(folder, "msgs", f.Name()), index})
		}
	}
	slices.SortFunc(st.blocks, func(a, b block) int { return cmp.Compare(a.index, b.index) })
	return st, nil
}
