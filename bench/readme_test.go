package main

import (
	"os"
	"regexp"
	"slices"
	"testing"
)

// Whoever does as the README says measures something.
func TestTheReadmeNamesScenariosThatThereAre(t *testing.T) {
	text, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	named := regexp.MustCompile("-only ([a-z0-9]+)").FindAllSubmatch(text, -1)
	if len(named) == 0 {
		t.Error("it names none")
	}
	for _, m := range named {
		if !slices.ContainsFunc(scenarios(1), func(s scenario) bool { return s.name == string(m[1]) }) {
			t.Errorf("there is no scenario %s", m[1])
		}
	}
}
