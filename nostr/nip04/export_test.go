package nip04

// EncryptWithIV is what vectors need.
var EncryptWithIV = encrypt

var Padding = padding
