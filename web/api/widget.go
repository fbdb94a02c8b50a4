package api

import (
	"context"
	"net/http"
	"time"

	"todosync/connector"
)

// A WidgetUser is a user as a page gives him to a chat widget, with the names that it has for them.
type WidgetUser struct {
	UserID       string            `json:"user_id"`
	SecurityHash string            `json:"security_hash" doc:"goes with user_id wherever that goes: without it, or with another, the widget answers 403 and stays empty"`
	Name         string            `json:"name,omitempty"`
	Email        string            `json:"email,omitempty"`
	Phone        string            `json:"phone,omitempty"`
	Company      string            `json:"company,omitempty"`
	CustomData   map[string]string `json:"custom_data,omitempty"`
}

// A WidgetPass is what a page needs to show the widget: one of the two.
type WidgetPass struct {
	User    *WidgetUser
	Token   string
	Expires time.Time
}

type widgetInput struct {
	ConnectionPath
	Body struct {
		UserID     string            `json:"userId" minLength:"1" maxLength:"256" doc:"a text, and never another for the same person"`
		Mode       string            `json:"mode,omitempty" enum:"hash,jwt" default:"hash" doc:"jwt: a token of five minutes that holds the whole user, so that nothing of him can be edited in the browser"`
		Name       string            `json:"name,omitempty" maxLength:"256"`
		Email      string            `json:"email,omitempty" maxLength:"256"`
		Phone      string            `json:"phone,omitempty" maxLength:"64"`
		Company    string            `json:"company,omitempty" maxLength:"256"`
		CustomData map[string]string `json:"customData,omitempty"`
	}
}

type widgetView struct {
	User      *WidgetUser `json:"user,omitempty"`
	JWT       string      `json:"jwt,omitempty"`
	ExpiresAt *Time       `json:"expiresAt,omitempty"`
}

type widgetOutput struct {
	CacheControl string `header:"Cache-Control"`
	Body         widgetView
}

type rotateInput struct {
	Body struct {
		Now bool `json:"now,omitempty" doc:"the new key signs at once, and the old ones are good for nothing any more: for a key that is known to others"`
	}
}

func (a *API) widgetRoutes() {
	if a.Widget != nil {
		handle(a, route{
			method: http.MethodPost, path: connectionRoute + "/widget", id: "widgetUser", need: RedeemTickets,
			summary: "What a page of the CRM gives HelpCrunch's widget, so that nobody can claim to be another",
		}, func(ctx context.Context, in *widgetInput) (*widgetOutput, error) {
			b := &in.Body
			pass, err := a.Widget(ctx, in.key(), WidgetUser{
				UserID: b.UserID, Name: b.Name, Email: b.Email, Phone: b.Phone, Company: b.Company, CustomData: b.CustomData,
			}, b.Mode == "jwt")
			if err != nil {
				return nil, err
			}
			out := &widgetOutput{CacheControl: "no-store", Body: widgetView{User: pass.User, JWT: pass.Token}}
			if !pass.Expires.IsZero() {
				at := Time(pass.Expires)
				out.Body.ExpiresAt = &at
			}
			return out, nil
		})
	}
	if a.SignOnKeys == nil {
		return
	}
	handle(a, route{
		method: http.MethodPost, path: "/sign-on-keys/rotate", id: "rotateSignOnKeys", need: Admin, status: http.StatusNoContent,
		summary: "Make a new key that signs tickets; it is published before it signs, and the old one stays published for a while",
	}, func(ctx context.Context, in *rotateInput) (*struct{}, error) {
		if len(principal(ctx).Tenants) > 0 {
			return nil, &connector.Error{Kind: connector.Forbidden, Op: "change the sign-on key", Msg: "only an admin of all tenants changes the key"}
		}
		return nil, a.SignOnKeys(ctx, in.Body.Now, by(ctx, "api"))
	})
}
