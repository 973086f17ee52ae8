package guestos

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// firmware is what a virtual machine's firmware says about it.
type firmware struct{ uuid string }

// firmwareID is the file with the machine's id, which outlives power cycles.
const firmwareID = "/etc/gantry-firmware-uuid"

func readFirmware(root string) (firmware, error) {
	text, err := os.ReadFile(filepath.Join(root, firmwareID))
	return firmware{strings.TrimSpace(string(text))}, err
}

// files returns those of /sys/class/dmi/id.
func (f firmware) files() map[string]string {
	return map[string]string{
		"sys_vendor": "VMware, Inc.", "product_name": "VMware7,1", "product_version": "None",
		"product_uuid": f.uuid, "product_serial": "VMware-" + f.uuid, "product_family": "", "product_sku": "",
		"board_vendor": "Intel Corporation", "board_name": "440BX Desktop Reference Platform", "board_version": "None", "board_serial": "None",
		"chassis_vendor": "No Enclosure", "chassis_type": "1", "chassis_version": "N/A",
		"chassis_serial": "None", "chassis_asset_tag": "No Asset Tag",
		"bios_vendor": "VMware, Inc.", "bios_version": "VMW71.00V", "bios_date": "01/01/2024",
	}
}

// keywords are dmidecode's names of these files.
var keywords = map[string]string{
	"system-manufacturer": "sys_vendor", "system-product-name": "product_name", "system-version": "product_version",
	"system-uuid": "product_uuid", "system-serial-number": "product_serial",
	"system-family": "product_family", "system-sku-number": "product_sku",
	"baseboard-manufacturer": "board_vendor", "baseboard-product-name": "board_name", "baseboard-version": "board_version",
	"baseboard-serial-number": "board_serial", "chassis-manufacturer": "chassis_vendor", "chassis-type": "chassis_type",
	"chassis-version": "chassis_version", "chassis-serial-number": "chassis_serial", "chassis-asset-tag": "chassis_asset_tag",
	"bios-vendor": "bios_vendor", "bios-version": "bios_version", "bios-release-date": "bios_date",
}

// dmidecode answers the one query that programs ask of it, --string.
func (f firmware) dmidecode(arguments []string, stdout, stderr io.Writer) int {
	var keyword string
	for i := 0; i < len(arguments); i++ {
		switch argument := arguments[i]; {
		case argument == "-q" || argument == "--quiet":
		case (argument == "-s" || argument == "--string") && i+1 < len(arguments):
			i++
			keyword = arguments[i]
		case strings.HasPrefix(argument, "--string="):
			keyword = strings.TrimPrefix(argument, "--string=")
		default:
			_, _ = fmt.Fprintf(stderr, "dmidecode: %s: only --string is answered here\n", argument)
			return 2
		}
	}
	file, ok := keywords[keyword]
	if !ok {
		_, _ = fmt.Fprintf(stderr, "Invalid string keyword: %s\n", keyword)
		return 2
	}
	_, _ = fmt.Fprintln(stdout, f.files()[file])
	return 0
}
