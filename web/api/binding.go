package api

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"io"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"todosync/connector"
)

type bindingQuery struct {
	ConnectionPath
	Paging
	Q      string `query:"q" doc:"a part of user, account or name"`
	User   string `query:"user" doc:"CRM user id"`
	Format string `query:"format" enum:"json,csv,xlsx" default:"json" doc:"csv, xlsx: all of them, as a file that can be imported"`
}

// A BindingBody is a binding as it is given.
type BindingBody struct {
	Connection  string `json:"connection,omitempty" doc:"as in the address"`
	User        string `json:"crm_user_id" minLength:"1" maxLength:"256"`
	UserName    string `json:"crm_user_name,omitempty" maxLength:"256"`
	Account     string `json:"oa_account" minLength:"1" maxLength:"256"`
	AccountName string `json:"oa_user_name,omitempty" maxLength:"256"`
	Kind        string `json:"kind,omitempty" enum:"employee,contact" doc:"left out: as it is, employee where there is none yet"`
}

// binding is what it says.
func (b *BindingBody) binding() connector.Binding {
	return connector.Binding{
		Connection: b.Connection, User: strings.TrimSpace(b.User), UserName: b.UserName,
		Account: strings.TrimSpace(b.Account), AccountName: b.AccountName, Kind: connector.BindingKind(b.Kind),
	}
}

// A putBinding takes also what GET gave, with a member changed.
type putBinding struct {
	ConnectionPath
	Body struct {
		BindingBody
		Automatic *bool   `json:"automatic,omitempty" doc:"as GET tells it; not looked at"`
		MadeBy    *string `json:"madeBy,omitempty" doc:"as GET tells it; not looked at"`
		UpdatedAt *string `json:"updatedAt,omitempty" doc:"as GET tells it; not looked at"`
	}
}

type deleteBinding struct {
	ConnectionPath
	User string `query:"user" required:"true" doc:"CRM user id"`
}

// boundView is a binding in a list; what is put may have its first five members alone.
type boundView struct {
	connector.Binding
	Automatic bool   `json:"automatic"`
	MadeBy    string `json:"madeBy"`
	Updated   Time   `json:"updatedAt"`
}

func viewBound(b BoundUser) boundView {
	return boundView{Binding: b.Binding, Automatic: b.Automatic, MadeBy: b.MadeBy, Updated: Time(b.Updated)}
}

type unboundQuery struct {
	ConnectionPath
	Paging
}

type unboundView struct {
	UnboundUser
	Newest Time `json:"newest"`
	Since  Time `json:"since" doc:"when the oldest of what is held for him was made"`
}

type importInput struct {
	TenantPath
	Language    string `header:"Accept-Language"`
	DryRun      bool   `query:"dryRun" doc:"only say what would change"`
	Rows        bool   `query:"rows" doc:"say of each row what becomes of it"`
	Connection  string `query:"connection" doc:"for rows that name none"`
	Accept      string `header:"Accept" doc:"application/x-ndjson: lines that tell how far it is, then the report or the problem"`
	ContentType string `header:"Content-Type"`
	RawBody     []byte `contentType:"text/csv" doc:"XLSX, or CSV in UTF-8, UTF-16, GBK or GB18030, with headings"`
}

func (a *API) bindingRoutes() {
	const bindings = connectionRoute + "/bindings"
	handle(a, route{
		method: http.MethodGet, path: bindings, id: "listBindings", summary: "Bindings of a connection", need: View,
	}, a.listBindings)
	handle(a, route{
		method: http.MethodPut, path: bindings, id: "putBinding", summary: "Bind a CRM user to an OA account", need: Operate,
	}, func(ctx context.Context, in *putBinding) (*one[connector.Binding], error) {
		b := in.Body.binding()
		b.Connection = in.Name
		switch {
		case in.Body.Connection != "" && in.Body.Connection != in.Name:
			return nil, invalid("connection", "the address says "+in.Name)
		case b.User == "":
			return nil, invalid("crm_user_id", "missing")
		case b.Account == "":
			return nil, invalid("oa_account", "missing")
		}
		if err := a.Bindings.SetBinding(ctx, in.Tenant, b, by(ctx, "api")); err != nil {
			return nil, err
		}
		return &one[connector.Binding]{Body: b}, nil
	})
	handle(a, route{
		method: http.MethodDelete, path: bindings, id: "deleteBinding", summary: "Remove a CRM user's binding", need: Operate,
		status: http.StatusNoContent,
	}, func(ctx context.Context, in *deleteBinding) (*struct{}, error) {
		return nil, a.Bindings.RemoveBinding(ctx, in.key(), in.User, by(ctx, "api"))
	})
	handle(a, route{
		method: http.MethodGet, path: connectionRoute + "/unbound", id: "listUnbound", need: View,
		summary: "Receivers whom events named and nobody bound",
	}, func(ctx context.Context, in *unboundQuery) (*list[unboundView], error) {
		page, err := a.Bindings.Unbound(ctx, in.key(), in.page())
		if err != nil {
			return nil, err
		}
		return listOf(page, func(u UnboundUser) unboundView {
			return unboundView{UnboundUser: u, Newest: Time(u.Newest), Since: Time(u.Since)}
		}), nil
	})
	handle(a, route{
		method: http.MethodPost, path: "/tenants/{tenant}/bindings/import", id: "importBindings", need: Operate, body: maxFile,
		summary: "Bind many users at once; a file with a mistake changes nothing",
	}, a.importBindings)
}

func (a *API) listBindings(ctx context.Context, in *bindingQuery) (*huma.StreamResponse, error) {
	f := BindingFilter{Key: in.key(), Text: strings.TrimSpace(in.Q), Users: words(in.User)}
	if in.Format != "csv" && in.Format != "xlsx" {
		page, err := a.Bindings.Bindings(ctx, f, in.page())
		if err != nil {
			return nil, err
		}
		body := listOf(page, viewBound).Body
		return &huma.StreamResponse{Body: func(hc huma.Context) {
			hc.SetHeader("Content-Type", "application/json")
			_ = a.huma.Marshal(hc.BodyWriter(), "application/json", body) // a client that went away hears nothing
		}}, nil
	}
	pages := func(row func([]string) error) error {
		if err := row(bindingColumns[:]); err != nil {
			return err
		}
		var failed error
		err := each(func(p connector.PageOf) (connector.Page[BoundUser], error) {
			return a.Bindings.Bindings(ctx, f, p)
		},
			func(v BoundUser) {
				if failed == nil {
					failed = row([]string{v.Connection, v.User, v.UserName, v.Account, v.AccountName, string(v.Kind)})
				}
			})
		return errors.Join(err, failed)
	}
	var b bytes.Buffer
	if err := WriteBindings(&b, in.Format, pages); err != nil {
		return nil, err
	}
	media := "text/csv; charset=utf-8"
	if in.Format == "xlsx" {
		media = xlsxType
	}
	return &huma.StreamResponse{Body: func(hc huma.Context) {
		_, w := humago.Unwrap(hc)
		w.Header().Set("Content-Type", media)
		w.Header().Set("Content-Disposition", `attachment; filename="bindings.`+in.Format+`"`)
		_, _ = w.Write(b.Bytes()) // a client that went away hears nothing
	}}, nil
}

const xlsxType = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

// WriteBindings writes rows of bindings as a file that can be imported again.
func WriteBindings(to io.Writer, format string, rows func(row func([]string) error) error) error {
	if format == "xlsx" {
		return writeWorkbook(to, rows)
	}
	out := csv.NewWriter(to)
	err := rows(func(cells []string) error {
		guarded := make([]string, len(cells))
		for i, c := range cells {
			guarded[i] = guard(c)
		}
		return out.Write(guarded)
	})
	out.Flush()
	return errors.Join(err, out.Error())
}
