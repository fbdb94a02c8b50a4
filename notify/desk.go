package notify

import (
	"context"
	"time"

	"todosync/connector"
)

// A Desk keeps what a Digester does; package store implements it. Fence is the fencing number of connector.SeatDigests: what changes something
// fails with Conflict once another worker has the seat.
type Desk interface {
	// Failing gives the tenants that have failures which no digest has claimed, with when the windows of these are over.
	Failing(ctx context.Context, now time.Time) ([]Failing, error)
	// Close makes a digest of a tenant's unclaimed failures if there are any and their window is over by now.
	Close(ctx context.Context, fence int64, tenant string, now time.Time) (closed bool, err error)
	// Closed gives digests that are not summed up yet, oldest first.
	Closed(ctx context.Context) ([]Closed, error)
	// Gather counts the failures that digests of one tenant have claimed; the summary bears the id of the last one and covers all.
	Gather(ctx context.Context, digests []Closed) (Summary, error)
	// Keep stores what a digest says, and that it is to go to channels. Doing so twice is one.
	Keep(ctx context.Context, fence int64, c Closed, d Digest, to []Addressed) error
	// Tenant gives a tenant's settings of now, the defaults where it has none; the mark changes with them and with the tenant's secrets.
	Tenant(ctx context.Context, name string) (settings connector.Tenant, mark string, err error)
	Outbox
}

// An Outbox is what digests wait in for their channels.
type Outbox interface {
	// Lanes gives the channels for which something waits.
	Lanes(ctx context.Context) ([]Lane, error)
	// Waiting gives what waits for a channel, oldest first: the first ones, with what the very first says.
	Waiting(ctx context.Context, l Lane) ([]Parcel, error)
	// Tell stores what came of a parcel.
	Tell(ctx context.Context, fence int64, l Lane, p Parcel) error
	// Join has the digests of several parcels go as what the last one says from now on.
	Join(ctx context.Context, fence int64, l Lane, parcels []Parcel, d Digest) error
}

// Failing is a tenant with unclaimed failures.
type Failing struct {
	Tenant string
	Over   time.Time // the end of their window
}

// Closed is a digest that has claimed its failures.
type Closed struct {
	N      int64 // its place among all digests
	ID     string
	Tenant string
	Window Window
	At     time.Time // when it claimed them
}

// Addressed is a channel that a digest is meant for.
type Addressed struct {
	Channel string
	Mild    bool // the digest is milder than what the channel wants: it is noted and not sent
}

// A Lane is one channel of one tenant.
type Lane struct {
	Tenant  string
	Channel string // as connector.NotifySettings.ChannelNames calls it
}

// A ParcelState says what came of a digest at a channel.
type ParcelState string

// The states of a parcel.
const (
	ParcelWaiting ParcelState = "waiting"
	ParcelSent    ParcelState = "sent"
	ParcelFailed  ParcelState = "failed"  // given up
	ParcelSkipped ParcelState = "skipped" // milder than what the channel wants
	ParcelRemoved ParcelState = "removed" // the channel is gone
	ParcelJoined  ParcelState = "joined"  // sent with a later digest, after quiet hours
)

// A Parcel is one digest on its way to one channel.
type Parcel struct {
	Closed
	State ParcelState
	Tries int
	Due   time.Time // of the next try
	First time.Time // from when on it waits
	Sent  time.Time
	Error string // of the last try
	Says  *Digest
	Whole bool // Says is that of several digests already
}
