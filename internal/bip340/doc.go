// Package bip340 verifies.
package bip340
