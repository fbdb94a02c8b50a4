package api

import (
	"bytes"
	"context"
	"encoding/csv"
	"fmt"
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
	Format string `query:"format" enum:"json,csv" default:"json" doc:"csv: all of them, as a file that can be imported"`
}

type bindingBody struct {
	Connection  string `json:"connection,omitempty" doc:"as in the address"`
	User        string `json:"crm_user_id" minLength:"1" maxLength:"256"`
	UserName    string `json:"crm_user_name,omitempty" maxLength:"256"`
	Account     string `json:"oa_account" minLength:"1" maxLength:"256"`
	AccountName string `json:"oa_user_name,omitempty" maxLength:"256"`
}

type putBinding struct {
	ConnectionPath
	Body bindingBody
}

type deleteBinding struct {
	ConnectionPath
	User string `query:"user" required:"true" doc:"CRM user id"`
}

type unboundQuery struct {
	ConnectionPath
	Paging
}

type unboundView struct {
	UnboundUser
	Newest Time `json:"newest"`
}

type importInput struct {
	TenantPath
	Language   string `header:"Accept-Language"`
	DryRun     bool   `query:"dryRun" doc:"only say what would change"`
	Connection string `query:"connection" doc:"for rows that name none"`
	RawBody    []byte `contentType:"text/csv" doc:"CSV with headings, in UTF-8, UTF-16, GBK or GB18030"`
}

func (a *API) bindingRoutes() {
	const bindings = connectionRoute + "/bindings"
	handle(a, route{
		method: http.MethodGet, path: bindings, id: "listBindings", summary: "Bindings of a connection", need: View,
	}, a.listBindings)
	handle(a, route{
		method: http.MethodPut, path: bindings, id: "putBinding", summary: "Bind a CRM user to an OA account", need: Operate,
	}, func(ctx context.Context, in *putBinding) (*one[connector.Binding], error) {
		b := connector.Binding{
			Connection: in.Name, User: strings.TrimSpace(in.Body.User), UserName: in.Body.UserName,
			Account: strings.TrimSpace(in.Body.Account), AccountName: in.Body.AccountName,
		}
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
		return listOf(page, func(u UnboundUser) unboundView { return unboundView{UnboundUser: u, Newest: Time(u.Newest)} }), nil
	})
	handle(a, route{
		method: http.MethodPost, path: "/tenants/{tenant}/bindings/import", id: "importBindings", need: Operate, body: maxFile,
		summary: "Bind many users at once; a file with a mistake changes nothing",
	}, a.importBindings)
}

func (a *API) listBindings(ctx context.Context, in *bindingQuery) (*huma.StreamResponse, error) {
	f := BindingFilter{Key: in.key(), Text: strings.TrimSpace(in.Q), Users: words(in.User)}
	if in.Format != "csv" {
		page, err := a.Bindings.Bindings(ctx, f, in.page())
		if err != nil {
			return nil, err
		}
		body := listOf(page, same).Body
		return &huma.StreamResponse{Body: func(hc huma.Context) {
			hc.SetHeader("Content-Type", "application/json")
			_ = a.huma.Marshal(hc.BodyWriter(), "application/json", body) // a client that went away hears nothing
		}}, nil
	}
	var b bytes.Buffer
	out := csv.NewWriter(&b)
	_ = out.Write(bindingColumns[:]) // a buffer takes everything
	err := each(func(p connector.PageOf) (connector.Page[connector.Binding], error) {
		return a.Bindings.Bindings(ctx, f, p)
	},
		func(v connector.Binding) {
			_ = out.Write([]string{v.Connection, v.User, v.UserName, v.Account, v.AccountName})
		})
	if err != nil {
		return nil, err
	}
	out.Flush()
	return &huma.StreamResponse{Body: func(hc huma.Context) {
		_, w := humago.Unwrap(hc)
		w.Header().Set("Content-Type", "text/csv; charset=utf-8")
		w.Header().Set("Content-Disposition", `attachment; filename="bindings.csv"`)
		_, _ = w.Write(b.Bytes()) // a client that went away hears nothing
	}}, nil
}

func (a *API) importBindings(ctx context.Context, in *importInput) (*one[ImportReport], error) {
	rows, wrong, err := ReadBindings(in.RawBody, in.Connection)
	if err != nil {
		return nil, err
	}
	report := ImportReport{DryRun: in.DryRun, Errors: wrong}
	if len(wrong) == 0 || in.DryRun {
		dry := in.DryRun || len(wrong) > 0
		if report, err = a.Importer.ImportBindings(ctx, Import{Tenant: in.Tenant, Rows: rows, DryRun: dry}, by(ctx, "api")); err != nil {
			return nil, err
		}
		report.DryRun = in.DryRun
		report.Errors = append(wrong, report.Errors...)
	}
	if len(report.Errors) > 0 && !in.DryRun {
		p := newProblem(http.StatusUnprocessableEntity,
			fmt.Sprintf("rows of the file that are wrong: %d; nothing was changed", len(report.Errors)), "?dryRun=true tells the same without changing anything")
		for _, e := range report.Errors {
			path := fmt.Sprintf("row %d", e.Row)
			if e.Column != "" {
				path += " " + e.Column
			}
			p.Errors = append(p.Errors, ProblemDetail{Path: path, Message: e.Message, Line: e.Row})
		}
		return nil, p
	}
	if report.Errors == nil {
		report.Errors = []RowError{}
	}
	if report.Changes == nil {
		report.Changes = []BindingReplace{}
	}
	return &one[ImportReport]{Body: report}, nil
}
