//go:build race

package auth_test

// underRace: a signature takes ten times as long under the race detector, and the
// large numbers are shown without it.
const underRace = true
