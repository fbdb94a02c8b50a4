package identity

import "context"

// A From says from where a request came, and by which way.
type From struct {
	Address string
	Way     string // console, api or cli
}

type fromKey struct{}

// WithFrom is a context for what is done because of a request, so that the audit can say from where.
func WithFrom(ctx context.Context, f From) context.Context {
	return context.WithValue(ctx, fromKey{}, f)
}

// FromOf is from where the request came that a context is of; empty where it is of none.
func FromOf(ctx context.Context) From {
	f, _ := ctx.Value(fromKey{}).(From)
	return f
}
