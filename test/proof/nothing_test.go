package proof_test

// nothingToTest are the lines that bind nobody here, or nobody yet, with the reason.
var nothingToTest = map[string]string{
	"P57": "the registers of a COUNT are filled by relays; a client merges them (P56)",
	"P60": "choosing relays by people's lists is not built; the lists themselves are read (P59)",
	"P64": "deletions bind who keeps events, and the library keeps none",
	"L23": "the API is compared from version 1 on",
	"L43": "wallet connect is not built",
}
