package templatefacts

import (
	"github.com/hashicorp/terraform-plugin-framework/types"

	enginemodel "github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/inventoryname"
	"github.com/gantry/terraform-provider-gantry/internal/kubeversion"
	"github.com/gantry/terraform-provider-gantry/internal/vsphere"
)

// model is the values of gantry_template.
type model struct {
	Datacenter  types.String `tfsdk:"datacenter"`
	Template    types.String `tfsdk:"template"`
	ImageFolder types.String `tfsdk:"image_folder"`

	Path              string    `tfsdk:"path"`
	IsTemplate        bool      `tfsdk:"is_template"`
	Snapshot          bool      `tfsdk:"snapshot"`
	KubernetesVersion *string   `tfsdk:"kubernetes_version"`
	GuestID           string    `tfsdk:"guest_id"`
	GuestName         string    `tfsdk:"guest_name"`
	Firmware          string    `tfsdk:"firmware"`
	SecureBoot        bool      `tfsdk:"secure_boot"`
	HardwareVersion   int64     `tfsdk:"hardware_version"`
	CPU               int64     `tfsdk:"cpu"`
	MemoryMB          int64     `tfsdk:"memory_mb"`
	Disks             []disk    `tfsdk:"disks"`
	NetworkAdapters   []adapter `tfsdk:"network_adapters"`
	Tools             string    `tfsdk:"tools"`
	Problems          []string  `tfsdk:"problems"`
	Warnings          []string  `tfsdk:"warnings"`
}

type disk struct {
	Label     string `tfsdk:"label"`
	SizeGB    int64  `tfsdk:"size_gb"`
	Thin      bool   `tfsdk:"thin"`
	Datastore string `tfsdk:"datastore"`
}

type adapter struct {
	Label   string `tfsdk:"label"`
	Type    string `tfsdk:"type"`
	Network string `tfsdk:"network"`
}

// fill takes over what vCenter knows. Lists of nothing are empty, so that length() works.
func (m *model) fill(facts *vsphere.TemplateFacts, findings enginemodel.Findings) {
	m.Path = facts.Path
	m.IsTemplate = facts.IsTemplate
	m.Snapshot = facts.HasSnapshot
	m.GuestID = facts.GuestID
	m.GuestName = facts.GuestName
	m.Firmware = facts.Firmware
	m.SecureBoot = facts.SecureBoot
	m.HardwareVersion = facts.HardwareVersion
	m.CPU = facts.CPUs
	m.MemoryMB = facts.MemoryMB
	m.Tools = facts.Tools
	if version, ok := kubeversion.InName(inventoryname.Base(facts.Path)); ok {
		text := version.String()
		m.KubernetesVersion = &text
	}
	m.Disks = []disk{}
	for _, d := range facts.Disks {
		m.Disks = append(m.Disks, disk(d))
	}
	m.NetworkAdapters = []adapter{}
	for _, a := range facts.NetworkAdapters {
		m.NetworkAdapters = append(m.NetworkAdapters, adapter(a))
	}
	m.Problems = words(findings.Problems)
	m.Warnings = words(findings.Warnings)
}

func words(findings []enginemodel.Finding) []string {
	list := []string{}
	for _, f := range findings {
		list = append(list, f.Summary+". "+f.Detail)
	}
	return list
}
