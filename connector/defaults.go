package connector

import (
	"time"

	"todosync/mapping"
	"todosync/retry"
)

// DefaultTimeZone is the zone in which a connection's and a tenant's times are written unless they say otherwise.
const DefaultTimeZone = "Asia/Shanghai"

// Defaults is a connection with every default and nothing else. Two of its rules depend on other settings
// and are Fill's: the element of a web service's answer, and what follows an unanswered message.
func Defaults() Connection {
	return Connection{
		APIVersion: APIVersion,
		Kind:       "Connection",
		Enabled:    true,
		Protocol:   REST,
		TimeZone:   DefaultTimeZone,
		TimeFormat: "yyyy-MM-dd HH:mm:ss",
		Receivers:  ReceiverMode{As: mapping.Each},
		Unbound:    UnboundHold,
		FreezeAt:   FreezeAtCreate,
		EditAs:     EditAsEdit,
		Reopen:     ReopenCreate,
		Retry: RetrySettings{
			Enabled: true,
			On:      []retry.Class{retry.Network, retry.Timeout, retry.HTTP429, retry.HTTP5xx, retry.Token},
			Schedule: []Duration{
				seconds(10), seconds(30), seconds(120), seconds(600), seconds(1800),
			},
			GiveUpAfter: Duration(48 * time.Hour),
			Unanswered:  UnansweredAgain,
		},
		Down:     DownSettings{After: 5, Probe: []Duration{seconds(1), seconds(60)}},
		Limits:   Limits{Concurrency: 8},
		Timeouts: Timeouts{Connect: seconds(15), Total: seconds(60)},
		TLS:      TLSSettings{MinVersion: "1.2"},
		Notify:   NotifySwitch{Enabled: true},
	}
}

// DefaultTenant is a tenant with every default and nothing else: failures go to the CRM's own people every 10 minutes.
func DefaultTenant() Tenant {
	return Tenant{
		APIVersion: APIVersion,
		Kind:       "Tenant",
		TimeZone:   DefaultTimeZone,
		Language:   Chinese,
		SignOn:     TenantSignOn{Ticket: TicketOpaque},
		Notify: NotifySettings{
			Window:   seconds(600),
			Language: Chinese,
			Channels: []NotifyChannel{{Type: ChannelCRM, To: Texts{"crm-admins", "integration-admins"}}},
		},
	}
}

// DefaultSkew is how far a signed link's clock may be off.
func DefaultSkew() SignOnSkew { return SignOnSkew{Past: seconds(300), Future: seconds(60)} }

func seconds(n int) Duration { return Duration(time.Duration(n) * time.Second) }
