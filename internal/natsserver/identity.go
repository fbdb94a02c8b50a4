package natsserver

import (
	"strings"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"

	"todosync/connector"
)

// identity makes sure that the in-process connection may come in whatever users the configuration has, and gives the
// options it connects with. Where clients need no log-in, it needs none either.
func identity(cfg Config, o *server.Options) ([]nats.Option, error) {
	refused := func(msg, hint string) error {
		return &connector.Error{Kind: connector.Invalid, Op: "start NATS", Msg: msg, Hint: hint}
	}
	const alone = "run that NATS on its own and give its address as --nats, with --nats-creds"
	switch {
	case len(o.TrustedOperators) > 0 || len(o.TrustedKeys) > 0:
		return nil, refused("the NATS configuration has an operator, whose users are made outside of it", alone)
	case o.AuthCallout != nil:
		return nil, refused("the NATS configuration asks an outside service who a client is (auth_callout)", alone)
	case cfg.User != "":
		return []nats.Option{nats.UserInfo(cfg.User, cfg.Password)}, nil
	case o.Authorization != "":
		if strings.HasPrefix(o.Authorization, "$2") {
			return nil, refused("the token in the NATS configuration is hashed, so the worker cannot use it",
				"define users in place of a token; the worker makes one for itself")
		}
		return []nats.Option{nats.Token(o.Authorization)}, nil
	case o.Username == "" && len(o.Users) == 0 && len(o.Nkeys) == 0 && len(o.Accounts) == 0:
		return nil, nil
	}
	account, err := onlyAccount(o)
	if err != nil {
		return nil, err
	}
	// One user alone is written apart from a list of users, and is not looked at beside one.
	if o.Username != "" {
		o.Users = append(o.Users, &server.User{Username: o.Username, Password: o.Password})
		o.Username, o.Password = "", ""
	}
	pair, err := nkeys.CreateUser()
	if err != nil {
		return nil, err
	}
	public, err := pair.PublicKey()
	if err != nil {
		return nil, err
	}
	o.Nkeys = append(o.Nkeys, &server.NkeyUser{Nkey: public, Account: account})
	return []nats.Option{nats.Nkey(public, pair.Sign)}, nil
}

// onlyAccount is the account that the worker belongs to: the only one beside the system's; nil is the global account.
func onlyAccount(o *server.Options) (*server.Account, error) {
	var found *server.Account
	for _, a := range o.Accounts {
		switch {
		case a.Name == o.SystemAccount || a.Name == server.DEFAULT_SYSTEM_ACCOUNT:
		case found != nil:
			return nil, &connector.Error{
				Kind: connector.Invalid, Op: "start NATS",
				Msg:  "the NATS configuration has several accounts, and it is not clear whose events are to be read",
				Hint: "make a user for the worker in the right account, and give it as --nats-user and --nats-password-file",
			}
		default:
			found = a
		}
	}
	return found, nil
}
