package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"todosync/connector"
	"todosync/internal/identity"
)

// firstAdminFile holds the link of the first admin where no terminal could show it. The file goes when the link has served.
const firstAdminFile = "first-admin-link"

// A doorway is the app's Door, which takes the first admin's file away as soon as there is a user.
type doorway struct {
	*identity.Door
	file string
}

// CreateUser implements api.Users.
func (d *doorway) CreateUser(ctx context.Context, c identity.Change, by identity.By) (identity.User, error) {
	u, err := d.Door.CreateUser(ctx, c, by)
	d.served(ctx, err)
	return u, err
}

// FirstAdmin implements console.Door.
func (d *doorway) FirstAdmin(ctx context.Context, link string, a identity.Attempt) (identity.Entry, error) {
	in, err := d.Door.FirstAdmin(ctx, link, a)
	d.served(ctx, err)
	return in, err
}

// served takes the file away after a user was made. A file that stays is a link that is good no more.
func (d *doorway) served(ctx context.Context, err error) {
	if err != nil {
		return
	}
	if err := os.Remove(d.file); err != nil && !errors.Is(err, fs.ErrNotExist) {
		d.Log.WarnContext(ctx, "the first admin's link has served, and its file cannot be removed", "file", d.file, "error", err)
	}
}

// base is where browsers reach the console, as far as it is known.
func (a *app) base() string {
	if a.cfg.publicURL != "" {
		return strings.TrimSuffix(a.cfg.publicURL, "/")
	}
	return a.address()
}

// inviteFirstAdmin makes the link of the first admin anew while there is no user, and tells it where only the operator can read it: on his
// terminal, else in a file of the data folder.
func (c *cli) inviteFirstAdmin(ctx context.Context, a *app) error {
	folder, err := filepath.Abs(a.cfg.dataDir)
	if err != nil {
		folder = a.cfg.dataDir
	}
	host, _ := os.Hostname()
	maker := sha256.Sum256([]byte(host + "\x00" + folder)) // another worker's link is another's
	token, made, err := a.door.FirstAdminLink(ctx, hex.EncodeToString(maker[:]))
	switch {
	case err != nil:
		return err
	case !made:
		a.door.served(ctx, nil) // it served while another process ran, or was restored from a backup
		return nil
	}
	link := a.base() + "/first-admin/" + token
	if terminal(c.stderr) {
		a.door.served(ctx, nil)
		_, err := fmt.Fprintf(c.stderr, c.t("\nThere is no user yet. This link makes the first admin, once:\n  %s\n\n", "\n还没有用户。用这个链接创建首位管理员（仅一次有效）：\n  %s\n\n"), link)
		return err
	}
	if err := writeNew(a.door.file, link); err != nil {
		return &connector.Error{
			Kind: connector.Unavailable, Op: "write the first admin's link", Msg: "cannot write " + a.door.file, Err: rootCause(err),
			Hint: "Make the data folder writable, or make a user with: todosync users create NAME --role admin",
		}
	}
	a.log.Info("there is no user yet: a link that makes the first admin is in a file", "file", a.door.file)
	return nil
}

// demoUser is who is logged in by the demo's link.
const demoUser = "demo"

// logInLink makes a link that opens the console as the demo's admin, once.
func (d *demo) logInLink(ctx context.Context) (string, error) {
	door, role := d.app.door, identity.Admin
	// He reads what his browser asks for: no language is set.
	_, err := door.CreateUser(ctx, identity.Change{Name: new(demoUser), Role: &role}, identity.By{Who: "todosync"})
	if err != nil && connector.KindOf(err) != connector.Conflict { // he is there since an earlier demo
		return "", err
	}
	token, err := door.LogInLink(ctx, demoUser)
	return d.app.address() + "/enter/" + token, err
}
