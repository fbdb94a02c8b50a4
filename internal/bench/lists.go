package main

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

// listRows and revisionRows are how long the lists are that grow beside records, and the history of the first connection.
const (
	listRows     = 10_000
	revisionRows = 5_000
)

// insertLists makes lists long: the audit, jobs that have ended, rejected events, and the revisions of the first connection.
func insertLists(ctx context.Context, db *sql.DB) error {
	args := []any{
		sql.Named("ms", time.Now().Add(-time.Hour).UnixMilli()), sql.Named("list", listRows), sql.Named("revisions", revisionRows), sql.Named("id", ulidTime(time.Now())),
	}
	for _, statement := range []string{
		`INSERT INTO audit (n, at_ms, who, what, tenant, target, detail) SELECT last + i + 1, :ms, 'bench', 'connection saved', 'bench00000', 'oa', 'revision ' || i
			FROM numbers, counted WHERE name = 'audit' AND i < :list`,
		`INSERT INTO jobs (n, id, kind, tenants, request, who, state, total, done, skipped, failed, reasons, progress, error, created_ms, ended_ms)
			SELECT last + i + 1, :id || printf('%016d', i), 'retry', '["bench00000"]', '{}', 'bench', 'done', 10, 9, 1, 0, '{}', '', '', :ms, :ms
			FROM numbers, counted WHERE name = 'jobs' AND i < :list`,
		`INSERT INTO rejected (n, id, tenant, subject, header, stream, stream_seq, reason, path, received_ms, size, payload)
			SELECT last + i + 1, :id || printf('%016d', i), 'bench00000', 'crm.bench00000.todo.create', '{}', 'CRM', 0, 'todo.id is missing', 'todo.id', :ms, 12, '{"todo":{}}'
			FROM numbers, counted WHERE name = 'rejected' AND i < :list`,
		`UPDATE numbers SET last = last + :list WHERE name = 'audit' OR name = 'jobs' OR name = 'rejected'`,
		`INSERT INTO revisions (conn, revision, source, settings, who, how, saved_ms) SELECT r.conn, r.revision + i + 1, r.source, r.settings, 'bench', 'console', :ms
			FROM (SELECT * FROM revisions WHERE conn = 1 ORDER BY revision DESC LIMIT 1) r, counted WHERE i < :revisions`,
		`UPDATE connections SET revision = (SELECT MAX(revision) FROM revisions WHERE conn = 1) WHERE n = 1`,
	} {
		if _, err := db.ExecContext(ctx, statement, args...); err != nil {
			return fmt.Errorf("make lists long: %w", err)
		}
	}
	return nil
}
