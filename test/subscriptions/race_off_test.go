//go:build !race

package subscriptions_test

const underRace = false
