package enginecrud

// ReadImportAuthorities is importAuthorities.
var ReadImportAuthorities = importAuthorities

// FlagsOnly is flagsOnly.
var FlagsOnly = Rules.flagsOnly

// WithoutOmitted is withoutOmitted.
var WithoutOmitted = withoutOmitted
