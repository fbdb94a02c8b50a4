package store

// Hot is how many deliveries are kept in memory, for tests. Nobody may write meanwhile.
func (d *DB) Hot() (waiting, flying int) { return len(d.hot.deliveries), len(d.hot.flights) }
