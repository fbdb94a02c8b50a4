package api_test

import (
	"context"
	"slices"
	"time"

	"todosync/connector"
	"todosync/internal/identity"
)

// users is an api.Users in memory.
type users struct {
	all     []identity.User
	changes []identity.Change
	bys     []identity.By
	asked   []identity.UserFilter
	refuse  error
}

func noUser(id string) error {
	return &connector.Error{Kind: connector.NotFound, Msg: "user " + id + " is not there"}
}

func (s *users) find(id string, tenants []string) (*identity.User, error) {
	for i := range s.all {
		if u := &s.all[i]; (u.ID == id || u.Name == id) && u.Within(tenants) {
			return u, nil
		}
	}
	return nil, noUser(id)
}

// Users implements api.Users.
func (s *users) Users(_ context.Context, f identity.UserFilter, p connector.PageOf) (connector.Page[identity.User], error) {
	s.asked = append(s.asked, f)
	seen := slices.DeleteFunc(slices.Clone(s.all), func(u identity.User) bool { return !u.Within(f.Tenants) })
	return pageOf(seen, p)
}

// Invite implements api.Users.
func (s *users) Invite(_ context.Context, id string, by identity.By) (identity.Invitation, error) {
	u, err := s.find(id, by.Tenants)
	if err != nil {
		return identity.Invitation{}, err
	}
	return identity.Invitation{User: *u, Token: "a-token"}, s.refuse
}

// LogInsRefused implements api.Users.
func (s *users) LogInsRefused(context.Context, time.Time, int) ([]identity.Refused, error) {
	return []identity.Refused{{Address: "10.0.0.7", Tries: 12, Waits: 30}}, nil
}

// User implements api.Users.
func (s *users) User(_ context.Context, id string, tenants []string) (identity.User, error) {
	u, err := s.find(id, tenants)
	if err != nil {
		return identity.User{}, err
	}
	return *u, nil
}

// CreateUser implements api.Users.
func (s *users) CreateUser(_ context.Context, c identity.Change, by identity.By) (identity.User, error) {
	s.changes, s.bys = append(s.changes, c), append(s.bys, by)
	u := identity.User{ID: "u-" + *c.Name, Name: *c.Name, Role: *c.Role, HasPassword: c.Password != nil, Who: by.Who}
	s.all = append(s.all, u)
	return u, s.refuse
}

// ChangeUser implements api.Users.
func (s *users) ChangeUser(_ context.Context, id string, c identity.Change, by identity.By) (identity.User, error) {
	s.changes, s.bys = append(s.changes, c), append(s.bys, by)
	u, err := s.find(id, by.Tenants)
	if err != nil {
		return identity.User{}, err
	}
	return *u, s.refuse
}

// RemoveUser implements api.Users.
func (s *users) RemoveUser(_ context.Context, id string, by identity.By) error {
	if _, err := s.find(id, by.Tenants); err != nil {
		return err
	}
	return s.refuse
}

// UnlockUser implements api.Users.
func (s *users) UnlockUser(_ context.Context, id string, by identity.By) error {
	_, err := s.find(id, by.Tenants)
	return err
}

// Sessions implements api.Users.
func (s *users) Sessions(_ context.Context, user string) ([]identity.Session, error) {
	if _, err := s.find(user, nil); err != nil {
		return nil, err
	}
	return []identity.Session{{ID: "s2", Address: "10.0.0.1", Seen: time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)}, {ID: "s1"}}, nil
}

// EndSession implements api.Users.
func (s *users) EndSession(_ context.Context, user, id string, by identity.By) error {
	if _, err := s.find(user, by.Tenants); err != nil {
		return err
	}
	if id != "" && id != "s1" {
		return &connector.Error{Kind: connector.NotFound, Msg: "session " + id + " is not there"}
	}
	return nil
}

// ChangePassword implements api.Users.
func (s *users) ChangePassword(_ context.Context, _, old, _, address string) error {
	if old != "old password" {
		return &identity.Refusal{Wait: 30 * time.Second}
	}
	s.bys = append(s.bys, identity.By{Who: address})
	return nil
}
