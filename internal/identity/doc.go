// Package identity knows who may use the console and the API: users with their roles and tenants, passwords, sessions, one-time links, and
// how long who guesses has to wait.
//
// It is not for the CRM's people on their way out of an OA (package web/signon), nor for tokens of programs, which the store knows by
// itself. It draws no page and reads no request: the console does both, and the API checks rights.
//
// Its one invariant: nobody can tell from an answer, nor from the time that it took, whether a user exists. What would be needed to become
// somebody (a password, a session, a link) is never kept, only its hash; and no more than hashesAtOnce passwords are hashed at a time, since
// each needs 19 MiB.
//
// Who calls it: web/console logs people in and out through a Door; web/api administers users through the same; cmd makes the Door, and the
// first links. The store is its Desk, so that every worker knows the same users, sessions and failures.
//
//	d, err := identity.NewDoor(identity.Config{Desk: db, Log: log})
//	in, err := d.LogIn(ctx, identity.Attempt{Name: "vera", Password: p, Address: "10.0.0.7"})
//	s, err := d.Session(ctx, in.Token) // at each request
package identity
