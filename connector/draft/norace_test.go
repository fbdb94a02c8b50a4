//go:build !race

package draft

import "time"

// hostileTime is how long a hostile sample may take beside other tests; alone it is a small part of a second.
const hostileTime = 5 * time.Second
