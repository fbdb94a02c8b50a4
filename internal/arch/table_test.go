package arch

// A row is what one package may import. Libraries are module paths, so that a package of theirs may be any.
type row struct {
	pkg       string
	ours      []string // packages of this module; "*" stands for all
	libraries []string
}

// table is the package table of ARCHITECTURE.md. What is not in it may not exist.
func table() []row {
	return []row{
		{"cmd/todosync", []string{"*"}, []string{
			"github.com/goccy/go-yaml", "github.com/jedib0t/go-pretty/v6", "github.com/nats-io/nats.go",
			"github.com/prometheus/client_golang", "github.com/spf13/cobra", "github.com/spf13/pflag", "golang.org/x/sys", "golang.org/x/term",
		}},
		{"web/api", []string{"connector", "connector/draft", "connector/file", "connector/preset", "internal/identity", "mapping", "notify", "retry"}, []string{
			"github.com/danielgtaylor/huma/v2", "github.com/rogpeppe/go-internal", "golang.org/x/text",
		}},
		{"web/console", []string{"connector", "internal/difference", "internal/identity", "notify", "retry", "web/api"}, []string{
			"github.com/a-h/templ", "github.com/yuin/goldmark", "golang.org/x/text",
		}},
		{"web/signon", []string{"connector", "mapping", "retry"}, []string{
			"github.com/coreos/go-oidc/v3", "github.com/golang-jwt/jwt/v5", "golang.org/x/oauth2", "golang.org/x/text",
		}},
		{"store", []string{"connector", "internal/identity", "mapping", "notify", "retry"}, []string{
			"github.com/jackc/pgx/v5", "github.com/jmoiron/sqlx", "github.com/mattn/go-sqlite3", "github.com/oklog/ulid/v2",
			"github.com/pressly/goose/v3",
		}},
		{"store/storetest", []string{"connector", "internal/identity", "mapping", "notify", "retry", "store"}, nil},
		{"connector/intake", []string{"connector"}, []string{"github.com/nats-io/nats.go"}},
		{"connector/file", []string{"connector", "connector/preset", "connector/script", "mapping", "retry"}, []string{
			"github.com/goccy/go-yaml", "golang.org/x/text",
		}},
		{"connector/draft", []string{"mapping"}, nil},
		{"connector/preset", nil, nil},
		{"notify", []string{"connector", "mapping", "retry"}, []string{"github.com/wneessen/go-mail"}},
		{"connector/hash", nil, []string{"github.com/emmansun/gmsm"}},
		{"connector/script", []string{"connector/hash", "mapping"}, []string{"go.starlark.net"}},
		{"connector", []string{"connector/hash", "connector/script", "internal/difference", "mapping", "retry"}, []string{"github.com/google/uuid", "golang.org/x/time"}},
		{"mapping", nil, []string{
			"github.com/beevik/etree", "github.com/clipperhouse/uax29/v2", "github.com/tidwall/gjson", "golang.org/x/text",
		}},
		{"retry", nil, []string{"github.com/hashicorp/go-retryablehttp", "golang.org/x/net"}},
		{"internal/identity", []string{"connector"}, []string{"github.com/coreos/go-oidc/v3", "golang.org/x/crypto", "golang.org/x/oauth2"}},
		{"internal/difference", nil, []string{"github.com/aymanbagabas/go-udiff"}},
		{"internal/natsserver", []string{"connector"}, []string{
			"github.com/minio/highwayhash", "github.com/nats-io/nats-server/v2", "github.com/nats-io/nats.go", "github.com/nats-io/nkeys",
		}},
		{"internal/metrics", []string{"connector", "retry"}, []string{"github.com/prometheus/client_golang"}},
		{"internal/natstest", nil, []string{"github.com/nats-io/nats-server/v2", "github.com/nats-io/nats.go"}},
		{"internal/pgtest", []string{"internal/freeport"}, []string{"github.com/jackc/pgx/v5"}},
		{"internal/freeport", nil, nil},
		{"internal/oasim", nil, nil},
		{"internal/demopage", []string{"internal/oasim"}, nil},
		{"internal/chaos", nil, []string{"github.com/nats-io/nats.go"}},
		{"internal/bench", []string{"internal/freeport", "internal/natsserver", "mapping"}, []string{
			"github.com/jackc/pgx/v5", "github.com/mattn/go-sqlite3", "github.com/nats-io/nats.go", "golang.org/x/sys",
		}},
		{"internal/arch", nil, nil},
		{"internal/licences", nil, nil},
		{"testdata", nil, nil},
		{"examples/webhook", nil, nil},
		{"examples/crm-ticket", nil, nil},
		{"examples/crm-jwt", nil, nil},
	}
}

// testLibraries may be imported by tests alone, and by packages that hold tests for others.
func testLibraries() []string {
	return []string{"github.com/golang-jwt/jwt/v5", "github.com/google/go-cmp", "github.com/rogpeppe/go-internal", "github.com/santhosh-tekuri/jsonschema/v6", "go.uber.org/goleak", "golang.org/x/net", "pgregory.net/rapid"}
}

// testPackages hold tests that other packages run.
func testPackages() []string {
	return []string{"store/storetest", "internal/natstest", "internal/pgtest"}
}
