package intake

import "context"

// Purge runs what the reader does every minute, for a stream that is planned up to a sequence.
func Purge(ctx context.Context, r *Reader, planned uint64) error {
	s, err := r.openStream(ctx)
	if err != nil {
		return err
	}
	s.planned.Store(planned)
	return s.purge(ctx, r)
}
