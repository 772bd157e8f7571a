// PyCharm's "Python Debug Server" as a run configuration of its own file, one a service that dials.
import type { Attachable } from "./proposal.ts";

/** Below the project's directory. */
export function runConfigurationFile(service: string): string {
  return `.idea/runConfigurations/debugtap_${service.replace(/[^A-Za-z0-9_]/g, "_")}.xml`;
}

/** debugtap maps paths itself, so there are no mappings. A name of a service has no character that XML would read. */
export function runConfiguration({ name, ide }: Attachable): string {
  return `<component name="ProjectRunConfigurationManager">
  <configuration default="false" name="debugtap ${name}" type="PyRemoteDebugConfigurationType" factoryName="Python Remote Debug">
    <option name="PORT" value="${ide}" />
    <option name="HOST" value="127.0.0.1" />
    <PathMappingSettings>
      <option name="pathMappings">
        <list />
      </option>
    </PathMappingSettings>
    <option name="REDIRECT_OUTPUT" value="true" />
    <option name="SUSPEND_AFTER_CONNECT" value="false" />
    <method v="2" />
  </configuration>
</component>
`;
}
