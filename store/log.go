package store

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"

	"todosync/connector"
)

// Places in SQLite's write-ahead log: a header, then frames of a header and a page each.
const (
	logHeader   = 32
	frameHeader = 24
	logMagic    = 0x377f0682 // with the last bit set, the checksums read big-endian words
)

// A logScan is what the write-ahead log of a database says before SQLite opens it.
type logScan struct {
	good    int // frames that are whole, up to the first that is not
	behind  int // commits behind that, of the same generation
	residue bool
}

// checkLog finds damage in the write-ahead log, which SQLite itself would take for its end: it would forget, without a word, what was
// committed and acted upon. Behind a bad frame there can be the commit of one transaction that never came to its sync; the commit of
// a second one means that a synced one before it is broken. residue says that such an unfinished transaction is there.
func checkLog(database string) (residue bool, err error) {
	name := database + "-wal"
	f, err := os.Open(name)
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, failed("open store", err)
	}
	defer f.Close()
	s, err := scanLog(bufio.NewReaderSize(f, 1<<20))
	if err != nil {
		return false, failed("read "+name, err)
	}
	if s.behind > 1 {
		return false, &connector.Error{
			Kind: connector.Internal, Op: "open store",
			Msg: fmt.Sprintf("%s is damaged after its frame %d: %d commits behind it would be lost", name, s.good, s.behind),
			Hint: "Check the disk. Restore a backup; the events since then are read from the stream again. To go on without what was lost, " +
				"move the file away: some requests may then be sent again without a mark.",
		}
	}
	return s.residue, nil
}

func scanLog(r io.Reader) (s logScan, err error) {
	head := make([]byte, logHeader)
	if _, err := io.ReadFull(r, head); err != nil {
		return s, atEnd(err) // too short to hold anything
	}
	magic := binary.BigEndian.Uint32(head)
	var words binary.ByteOrder = binary.LittleEndian
	if magic&1 == 1 {
		words = binary.BigEndian
	}
	size := int(binary.BigEndian.Uint32(head[8:]))
	sum := checksum{order: words}
	sum.add(head[:24])
	whole := magic&^1 == logMagic && sum.is(head[24:32]) && size >= 512 && size <= 1<<16
	if !whole {
		size = 4096 // as SQLite makes them where nobody asks for another size
	}
	salts := binary.BigEndian.Uint64(head[16:])
	frame := make([]byte, frameHeader+size)
	for n := 0; ; n++ {
		if _, err := io.ReadFull(r, frame); err != nil {
			return s, atEnd(err)
		}
		mine := binary.BigEndian.Uint64(frame[8:])
		if n == 0 && !whole {
			salts = mine // those of the header may be what is broken
		}
		if whole {
			sum.add(frame[:8])
			sum.add(frame[frameHeader:])
			if whole = mine == salts && sum.is(frame[16:24]); whole {
				s.good++
				continue
			}
		}
		if mine == salts {
			s.residue = true
			if binary.BigEndian.Uint32(frame[4:]) != 0 {
				s.behind++
			}
		}
	}
}

// atEnd takes the end of the file for no error.
func atEnd(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil
	}
	return err
}

// A checksum is that of SQLite's write-ahead log, over pairs of words.
type checksum struct {
	order binary.ByteOrder
	a, b  uint32
}

func (c *checksum) add(p []byte) {
	a, b := c.a, c.b
	for len(p) >= 8 {
		a += c.order.Uint32(p) + b
		b += c.order.Uint32(p[4:]) + a
		p = p[8:]
	}
	c.a, c.b = a, b
}

func (c *checksum) is(p []byte) bool {
	return c.a == binary.BigEndian.Uint32(p) && c.b == binary.BigEndian.Uint32(p[4:])
}
