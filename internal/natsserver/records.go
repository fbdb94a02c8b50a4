package natsserver

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash"
	"os"

	"github.com/minio/highwayhash"
)

// A record in a block, little endian: length(4) sequence(8) time(8) subject length(2) subject [header length(4) header] payload
// checksum(8). The length is the whole record's; its highest bit says that there is a header. The checksum leaves out both
// lengths; its key is the hash of the stream's name and the block's number.
const (
	recordHead   = 22
	recordSum    = 8
	recordLimit  = 32 << 20 // a length beyond it is not one
	headerBit    = 1 << 31
	erasedBit    = 1 << 63 // in a sequence: the message was erased
	tombstoneBit = 1 << 62 // in a sequence: the record says that another one was deleted

	// leap is how far the sequence may go from one record to the next when sense is looked for after a damaged one.
	leap = 1 << 20
)

// records is what reading a block has found.
type records struct {
	first, last uint64 // sequences of messages; 0: none
	bad         int64  // offset of the first record that is not right; -1: all are
	follows     bool   // a good record comes after it
}

// damaged reports whether something is wrong that no crash explains: the newest block may end in an unfinished record, which
// nobody was told is stored.
func (r records) damaged(newest bool) bool { return r.bad >= 0 && (r.follows || !newest) }

// readBlock checks every record of a block.
func readBlock(b block, stream string) (records, error) {
	buf, err := os.ReadFile(b.path)
	if err != nil {
		return records{}, err
	}
	out := records{bad: -1}
	if bytes.HasPrefix(buf, []byte("cmp\x01")) {
		return out, nil // compressed
	}
	key := sha256.Sum256(fmt.Appendf(nil, "%s-%d", stream, b.index))
	sum, err := highwayhash.New64(key[:])
	if err != nil {
		return out, err
	}
	for at := 0; at < len(buf); {
		size, ok := whole(buf[at:], sum)
		if !ok {
			out.bad, out.follows = int64(at), follows(buf[at:], out.last, sum)
			return out, nil
		}
		if seq := sequence(buf[at:]); seq&tombstoneBit == 0 && seq&^erasedBit > 0 {
			out.last = seq &^ erasedBit
			if out.first == 0 {
				out.first = out.last
			}
		}
		at += size
	}
	return out, nil
}

// whole reports whether buf begins with a record that is right, and how long that is.
func whole(buf []byte, sum hash.Hash) (int, bool) {
	size, subject, header, ok := lengths(buf)
	if !ok {
		return 0, false
	}
	body := buf[recordHead:size]
	text := subject
	if header {
		text += 4
	}
	sum.Reset()
	_, _ = sum.Write(buf[4:20])
	_, _ = sum.Write(body[:subject])
	_, _ = sum.Write(body[text : len(body)-recordSum])
	var got [recordSum]byte
	return size, bytes.Equal(sum.Sum(got[:0]), body[len(body)-recordSum:])
}

// lengths reads the lengths of a record and reports whether they can be right.
func lengths(buf []byte) (size, subject int, header, ok bool) {
	if len(buf) < recordHead+recordSum {
		return 0, 0, false, false
	}
	n := binary.LittleEndian.Uint32(buf)
	header = n&headerBit != 0
	size, subject = int(n&^headerBit), int(binary.LittleEndian.Uint16(buf[20:]))
	least := recordHead + subject + recordSum
	if header {
		least += 4
	}
	return size, subject, header, size >= least && size <= recordLimit && size <= len(buf)
}

func sequence(buf []byte) uint64 { return binary.LittleEndian.Uint64(buf[4:]) }

// follows reports whether a right record stands anywhere after the damaged one that buf begins with, whose length may be
// damaged, too. last is the sequence before it.
func follows(buf []byte, last uint64, sum hash.Hash) bool {
	for at := 1; at+recordHead+recordSum <= len(buf); at++ {
		seq := sequence(buf[at:]) &^ (erasedBit | tombstoneBit)
		if last > 0 && (seq <= last && sequence(buf[at:])&tombstoneBit == 0 || seq > last+leap) {
			continue
		}
		if _, ok := whole(buf[at:], sum); ok {
			return true
		}
	}
	return false
}
