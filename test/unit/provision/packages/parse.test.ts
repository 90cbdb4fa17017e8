import { describe, expect, it } from 'vitest';
import { brokenPackages, lastWords, parseInstalled, serviceFiles } from '#src/provision/packages/parse.ts';

describe('what dpkg and apt print', () => {
  it('gives the installed packages, held ones too, without removed ones', () => {
    const text = 'ii  curl\nrc  old\nhi  held\nun  never\niU  half\n';
    expect([...parseInstalled(text)]).toEqual(['curl', 'held']);
  });

  it('names the packages that apt complains about, or all', () => {
    const asked = ['nginx', 'haproxy', 'wrk'];
    expect(brokenPackages(['E: Unable to locate package wrk'], asked)).toEqual(['wrk']);
    const unmet = [
      'The following packages have unmet dependencies:',
      ' haproxy : Depends: libx but it is not there',
    ];
    expect(brokenPackages(unmet, asked)).toEqual(['haproxy']);
    expect(brokenPackages(['E: dpkg was interrupted'], asked)).toEqual(asked);
  });

  it('shows the complaints of apt, or its last lines', () => {
    const noise = ['Get:1 somewhere', 'Reading package lists...'];
    expect(lastWords([...noise, 'E: Unable to locate package wrk'])).toEqual([
      'E: Unable to locate package wrk',
    ]);
    expect(lastWords(noise)).toEqual(noise);
  });

  it('finds units and init scripts among files, without templates', () => {
    const files = [
      '/lib/systemd/system/haproxy.service',
      '/usr/lib/systemd/system/etcd.service',
      '/usr/lib/systemd/system/x@.service',
      '/lib/systemd/system/y.timer',
      '/etc/init.d/keepalived',
      '/etc/init.d',
      '/usr/share/doc/x.service',
    ];
    expect(serviceFiles(files)).toEqual({
      units: ['haproxy.service', 'etcd.service', 'y.timer'],
      scripts: ['keepalived'],
    });
  });
});
