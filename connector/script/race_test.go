//go:build race

package script_test

import "time"

// bombTime is how long a script may take that has no end: with the race detector all takes several times as long.
const bombTime = 15 * time.Second
