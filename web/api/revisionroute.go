package api

import (
	"context"
	"net/http"
)

const (
	revisionsPath = "/revisions"
	revisionPath  = "/revisions/{revision}"
	diffPath      = "/revisions/{revision}/diff"
	restorePath   = "/revisions/{revision}/restore"
)

// A RevisionPath is the parameter of every route below a revision.
type RevisionPath struct {
	Revision int64 `path:"revision"`
}

// A DiffQuery says with what a revision is compared.
type DiffQuery struct {
	With int64 `query:"with" minimum:"1" doc:"the revision to compare with; by default the one before"`
}

// A RestoreInput is the head of a restore.
type RestoreInput struct {
	Language string `header:"Accept-Language"`
	IfMatch  string `header:"If-Match" doc:"the revision that must be the newest, in quotes"`
}

type revisionQuery struct {
	ConnectionPath
	Paging
}

type connectionRevision struct {
	ConnectionPath
	RevisionPath
}

type connectionDiff struct {
	ConnectionPath
	RevisionPath
	DiffQuery
}

type connectionRestore struct {
	ConnectionPath
	RevisionPath
	RestoreInput
}

type tenantRevisionQuery struct {
	TenantPath
	Paging
}

type tenantRevision struct {
	TenantPath
	RevisionPath
}

type tenantDiff struct {
	TenantPath
	RevisionPath
	DiffQuery
}

type tenantRestore struct {
	TenantPath
	RevisionPath
	RestoreInput
}

func (a *API) revisionRoutes() {
	handle(a, route{
		method: http.MethodGet, path: connectionRoute + revisionsPath, id: "listRevisions", need: View,
		summary: "All that was saved of a connection, newest first",
	}, func(ctx context.Context, in *revisionQuery) (*list[revisionView], error) {
		return a.revisions(ctx, in.key(), in.page())
	})
	handle(a, route{
		method: http.MethodGet, path: connectionRoute + revisionPath, id: "getRevision", need: View,
		summary: "A connection as it was saved once",
	}, func(ctx context.Context, in *connectionRevision) (*one[oneRevisionView], error) {
		return a.revision(ctx, in.key(), in.Revision)
	})
	handle(a, route{
		method: http.MethodGet, path: connectionRoute + diffPath, id: "compareRevisions", need: View,
		summary: "What a revision of a connection changed",
	}, func(ctx context.Context, in *connectionDiff) (*one[revisionDiff], error) {
		return a.diff(ctx, in.key(), in.Revision, in.With)
	})
	handle(a, route{
		method: http.MethodPost, path: connectionRoute + restorePath, id: "restoreRevision", need: Integrate,
		summary: "Make a connection what it was: a new revision with what an older one holds",
	}, func(ctx context.Context, in *connectionRestore) (*saveOutput, error) {
		return a.restore(ctx, in.key(), in.Revision, &in.RestoreInput)
	})
	handle(a, route{
		method: http.MethodGet, path: tenantRoute + revisionsPath, id: "listTenantRevisions", need: View,
		summary: "All that was saved of a tenant's settings, newest first",
	}, func(ctx context.Context, in *tenantRevisionQuery) (*list[revisionView], error) {
		return a.revisions(ctx, in.key(), in.page())
	})
	handle(a, route{
		method: http.MethodGet, path: tenantRoute + revisionPath, id: "getTenantRevision", need: View,
		summary: "A tenant's settings as they were saved once",
	}, func(ctx context.Context, in *tenantRevision) (*one[oneRevisionView], error) {
		return a.revision(ctx, in.key(), in.Revision)
	})
	handle(a, route{
		method: http.MethodGet, path: tenantRoute + diffPath, id: "compareTenantRevisions", need: View,
		summary: "What a revision of a tenant's settings changed",
	}, func(ctx context.Context, in *tenantDiff) (*one[revisionDiff], error) {
		return a.diff(ctx, in.key(), in.Revision, in.With)
	})
	handle(a, route{
		method: http.MethodPost, path: tenantRoute + restorePath, id: "restoreTenantRevision", need: Integrate,
		summary: "Make a tenant's settings what they were: a new revision with what an older one holds",
	}, func(ctx context.Context, in *tenantRestore) (*saveOutput, error) {
		return a.restore(ctx, in.key(), in.Revision, &in.RestoreInput)
	})
}
