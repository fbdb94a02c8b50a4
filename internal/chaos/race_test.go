//go:build race

package chaos

const withRace = true
