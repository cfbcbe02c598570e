terraform {
  required_version = ">= 1.9"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.100.0, < 7.0.0"
    }
  }
}

# The account that owns the bus, and the account of the team that subscribes. In earnest each side is a
# configuration of its own: bus_owner.tf is all that the one needs, subscriber.tf all of the other.
provider "aws" {
  alias   = "bus_owner"
  region  = var.region
  profile = var.bus_owner_profile
}

provider "aws" {
  alias   = "subscriber"
  region  = var.region
  profile = var.subscriber_profile
}
