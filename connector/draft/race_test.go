//go:build race

package draft

import "time"

// hostileTime is how long a hostile sample may take: with the race detector all takes several times as long.
const hostileTime = 20 * time.Second
