//go:build !race

package script_test

import "time"

// bombTime is how long a script may take that has no end.
const bombTime = 3 * time.Second
