//go:build !race

package kit

// UnderRace tells whether the race detector looks on.
const UnderRace = false
